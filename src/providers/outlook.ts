/**
 * Microsoft 365 and Outlook.com, as the other providers of Microsoft's are, too, but for what their files say.
 * Source: learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth.
 */
import { globalSignIn, microsoftClouds, microsoftSignIn } from './microsoft.js';
import { type Provider, unknownProvider } from './provider.js';

const smtpScope = 'https://outlook.office.com/SMTP.Send';

export const outlook: Provider = {
  ...unknownProvider,
  name: 'outlook',
  title: 'Microsoft 365 and Outlook.com',
  // sasl-xoauth2-tool's default tenant is for personal accounts; `--tenant` changes it.
  ...microsoftSignIn(globalSignIn, 'consumers'),
  inCloud: { ...microsoftClouds, public: 'outlook' },
  signsInAsDelegate: true,
  // There is no revocation endpoint; an administrator's Revoke-MgUserSignInSession ends all sign-ins of a user.
  revokeByHand: 'https://account.live.com/consent/Manage (personal) or https://myapps.microsoft.com (work)',
  scope: `${smtpScope} offline_access`,
  identityScope: 'openid email profile',
  // `openid` is never asked for on refresh: with tenant `common` the id_token names another issuer.
  refreshScope: `${smtpScope} offline_access`,
  applicationScope: 'https://outlook.office365.com/.default',
  smtp: { host: 'smtp.office365.com', port: 587, tls: 'starttls' },
  smtpExtensions: ['8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES'],
  minimumRefreshWindowSeconds: 300,
  // 7.139: SMTP AUTH is switched off, for the tenant, the mailbox or by security defaults.
  // 7.30: Basic authentication. 5.124: the user is no valid address.
  refusalsBeyondTokens: ['7.139', '7.30', '5.124'],
  // learn.microsoft.com/entra/identity-platform/refresh-tokens; each refresh brings a new one.
  signInLife: { idleDays: 90 },
  // Exchange Online limits, "SMTP client submission": `432 4.3.2 Concurrent connections limit exceeded`.
  pace: { sessions: 3, messagesPerMinute: 30, loginsPerMinute: undefined },
};
