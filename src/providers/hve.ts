/**
 * High Volume Email: the tokens of Microsoft 365, another server, which wants ten minutes of life left.
 * Source: learn.microsoft.com/exchange/mail-flow-best-practices/high-volume-mails-m365.
 */
import { globalSignIn, microsoftSignIn } from './microsoft.js';
import { outlook } from './outlook.js';
import { type Provider, unknownProvider } from './provider.js';

export const hve: Provider = {
  ...outlook,
  name: 'hve',
  title: 'Microsoft 365 High Volume Email',
  ...microsoftSignIn(globalSignIn, 'organizations'),
  // Its token endpoint is Microsoft's common one, so it is chosen by name only.
  recognisedBy: () => false,
  inCloud: { public: 'hve' },
  smtp: { host: 'smtp-hve.office365.com', port: 587, tls: 'starttls' },
  smtpExtensions: undefined,
  refreshWindowSeconds: 900,
  minimumRefreshWindowSeconds: 660,
  // `501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon error`
  minimumLifetimeSeconds: 600,
  pace: unknownProvider.pace,
};
