/**
 * Microsoft 365 and Outlook.com, and High Volume Email on the same sign-in service.
 * Sources: learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth,
 * learn.microsoft.com/exchange/mail-flow-best-practices/high-volume-mails-m365.
 */
import { microsoftSignIn } from './microsoft.js';
import { type Provider, unknownProvider } from './provider.js';

const smtpScope = 'https://outlook.office.com/SMTP.Send';

export const outlook: Provider = {
  ...unknownProvider,
  name: 'outlook',
  title: 'Microsoft 365 and Outlook.com',
  // sasl-xoauth2-tool's default tenant is for personal accounts; `--tenant` changes it.
  ...microsoftSignIn('https://login.microsoftonline.com', 'consumers'),
  // There is no revocation endpoint; an administrator's Revoke-MgUserSignInSession ends all sign-ins of a user.
  revokeByHand: 'https://account.live.com/consent/Manage (personal) or https://myapps.microsoft.com (work)',
  scope: `${smtpScope} offline_access`,
  identityScope: 'openid email profile',
  // `openid` is never asked for on refresh: with tenant `common` the id_token names another issuer.
  refreshScope: `${smtpScope} offline_access`,
  applicationScope: 'https://outlook.office365.com/.default',
  smtp: { host: 'smtp.office365.com', port: 587, tls: 'starttls' },
  smtpExtensions: ['8BITMIME', 'SMTPUTF8'],
  minimumRefreshWindowSeconds: 300,
  // 7.139: SMTP AUTH is switched off, for the tenant, the mailbox or by security defaults.
  // 7.30: Basic authentication. 5.124: the user is no valid address.
  refusalsBeyondTokens: ['7.139', '7.30', '5.124'],
  // Exchange Online limits, "SMTP client submission": `432 4.3.2 Concurrent connections limit exceeded`.
  pace: { sessions: 3, messagesPerMinute: 30, loginsPerMinute: undefined },
};

/** Personal accounts by the server that Microsoft names for them; `outlook`'s takes them, too. */
export const outlookPersonal: Provider = {
  ...outlook,
  name: 'outlook-personal',
  title: 'Outlook.com, Hotmail and Live',
  // Its token endpoint is that of `outlook`, so it is chosen by name only.
  recognisedBy: () => false,
  smtp: { host: 'smtp-mail.outlook.com', port: 587, tls: 'starttls' },
};

/** High Volume Email: same tokens, another server, which wants ten minutes of life left. */
export const hve: Provider = {
  ...outlook,
  name: 'hve',
  title: 'Microsoft 365 High Volume Email',
  // Its token endpoint is Microsoft's common one, so it is chosen by name only.
  recognisedBy: () => false,
  smtp: { host: 'smtp-hve.office365.com', port: 587, tls: 'starttls' },
  smtpExtensions: undefined,
  refreshWindowSeconds: 900,
  minimumRefreshWindowSeconds: 660,
  // `501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon error`
  minimumLifetimeSeconds: 600,
  pace: unknownProvider.pace,
};

/** A national cloud: another sign-in service, another server, the same behaviour. No personal accounts live there. */
function nationalCloud(name: string, title: string, login: string, api: string, host: string): Provider {
  const scope = `${api}/SMTP.Send offline_access`;
  return {
    ...outlook,
    name,
    title,
    ...microsoftSignIn(login, 'organizations'),
    scope,
    refreshScope: scope,
    applicationScope: `${api}/.default`,
    smtp: { host, port: 587, tls: 'starttls' },
  };
}

export const outlookUsGov = nationalCloud(
  'outlook-usgov',
  'Microsoft 365 U.S. Government',
  'https://login.microsoftonline.us',
  'https://outlook.office365.us',
  'smtp.office365.us',
);

export const outlookChina = nationalCloud(
  'outlook-china',
  'Microsoft 365 operated by 21Vianet',
  'https://login.partner.microsoftonline.cn',
  'https://partner.outlook.cn',
  'smtp.partner.outlook.cn',
);

/** By the words of sasl-xoauth2-tool's --cloud; the two of the U.S. Government share sign-in and scopes. */
export const microsoftClouds = {
  public: outlook,
  usgov: outlookUsGov,
  'usgov-dod': outlookUsGov,
  china: outlookChina,
} as const;

export type MicrosoftCloud = keyof typeof microsoftClouds;
