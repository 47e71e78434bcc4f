/**
 * Gmail and Google Workspace.
 * Sources: developers.google.com/identity/protocols/oauth2/native-app, …/gmail/imap/xoauth2-protocol,
 * support.google.com/a/answer/3221692 (SMTP errors).
 */
import { type Provider, unknownProvider } from './provider.js';

/** The forms that Google's documents and tools have used over the years; all lead to one service. */
const tokenEndpoints = new Set([
  'https://accounts.google.com/o/oauth2/token',
  'https://oauth2.googleapis.com/token',
  'https://www.googleapis.com/oauth2/v3/token',
  'https://www.googleapis.com/oauth2/v4/token',
]);

export const gmail: Provider = {
  ...unknownProvider,
  name: 'gmail',
  title: 'Gmail and Google Workspace',
  authorizationEndpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
  deviceAuthorizationEndpoint: 'https://oauth2.googleapis.com/device/code',
  tokenEndpoint: 'https://oauth2.googleapis.com/token',
  userinfoEndpoint: 'https://openidconnect.googleapis.com/v1/userinfo',
  revocationEndpoint: 'https://oauth2.googleapis.com/revoke',
  revokeByHand: 'https://myaccount.google.com/connections',
  recognisedBy: (endpoint) => tokenEndpoints.has(endpoint.origin + endpoint.pathname),
  scope: 'https://mail.google.com/',
  identityScope: 'openid email',
  // Without these two a second consent brings no refresh token.
  authorizationParameters: { access_type: 'offline', prompt: 'consent' },
  smtp: { host: 'smtp.gmail.com', port: 587, tls: 'starttls' },
  smtpExtensions: ['8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES'],
  minimumRefreshWindowSeconds: 300,
  // The device flow's short list of scopes has none for mail.
  deviceFlowAllowsMail: false,
  // developers.google.com/identity/protocols/oauth2, "Refresh token expiration".
  signInLife: {
    idleDays: 180,
    trial: {
      days: 7,
      cause: 'the consent screen is in "Testing"',
      remedy: 'set the publishing status of the consent screen to "In production", then sign in again',
    },
  },
  // `454 4.7.0 Too many login attempts, please try again later`; the number is not published.
  pace: { ...unknownProvider.pace, loginsPerMinute: 60 },
  accountReplies: [
    {
      code: 550,
      detail: '4.5',
      becomes: { code: 450, detail: '4.5' },
      meaning: 'Daily user sending limit exceeded',
    },
  ],
};
