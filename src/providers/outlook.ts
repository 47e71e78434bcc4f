/**
 * Microsoft 365 and Outlook.com, and High Volume Email on the same sign-in service.
 * Sources: learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth,
 * learn.microsoft.com/exchange/mail-flow-best-practices/high-volume-mails-m365.
 */
import { type Provider, unknownProvider } from './provider.js';

/** Tenants that are not one organization's. */
const sharedTenants = new Set(['common', 'organizations', 'consumers']);

const smtpScope = 'https://outlook.office.com/SMTP.Send';

/** Endpoints of one tenant: an id, a domain, or `common`, `organizations`, `consumers`. */
export function microsoftEndpoints(tenant: string): {
  authorizationEndpoint: string;
  deviceAuthorizationEndpoint: string;
  tokenEndpoint: string;
} {
  const base = `https://login.microsoftonline.com/${encodeURIComponent(tenant)}/oauth2/v2.0`;
  return {
    authorizationEndpoint: `${base}/authorize`,
    deviceAuthorizationEndpoint: `${base}/devicecode`,
    tokenEndpoint: `${base}/token`,
  };
}

export const outlook: Provider = {
  ...unknownProvider,
  name: 'outlook',
  title: 'Microsoft 365 and Outlook.com',
  // sasl-xoauth2-tool's default tenant is for personal accounts; `--tenant` changes it.
  ...microsoftEndpoints('consumers'),
  recognisedBy: (endpoint) => endpoint.origin === 'https://login.microsoftonline.com',
  scope: `${smtpScope} offline_access`,
  // `openid` is never asked for on refresh: with tenant `common` the id_token names another issuer.
  refreshScope: `${smtpScope} offline_access`,
  applicationScope: 'https://outlook.office365.com/.default',
  unfitForApplications: (endpoint) => {
    const tenant = endpoint.pathname.split('/')[1] ?? '';
    if (!sharedTenants.has(tenant)) return undefined;
    return `its token_endpoint names the tenant "${tenant}", and an application belongs to one organization`;
  },
  smtp: { host: 'smtp.office365.com', port: 587, tls: 'starttls' },
  smtpExtensions: ['8BITMIME', 'SMTPUTF8'],
  minimumRefreshWindowSeconds: 300,
  // 7.139: SMTP AUTH is switched off, for the tenant, the mailbox or by security defaults.
  // 7.30: Basic authentication. 5.124: the user is no valid address.
  refusalsBeyondTokens: ['7.139', '7.30', '5.124'],
  // Exchange Online limits, "SMTP client submission": `432 4.3.2 Concurrent connections limit exceeded`.
  pace: { sessions: 3, messagesPerMinute: 30, loginsPerMinute: undefined },
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
