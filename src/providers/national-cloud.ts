/**
 * What Microsoft's national clouds have in common: another sign-in service, another server, the same behaviour. No
 * personal accounts live there. Each is a file of its own.
 */
import { microsoftSignIn } from './microsoft.js';
import { outlook } from './outlook.js';
import type { Provider } from './provider.js';

/** @param signIn such as https://login.microsoftonline.us @param api to which tokens are addressed */
export function nationalCloud(
  name: string,
  title: string,
  signIn: string,
  api: string,
  host: string,
): Provider {
  const scope = `${api}/SMTP.Send offline_access`;
  return {
    ...outlook,
    name,
    title,
    ...microsoftSignIn(signIn, 'organizations'),
    inCloud: undefined,
    scope,
    refreshScope: scope,
    applicationScope: `${api}/.default`,
    smtp: { host, port: 587, tls: 'starttls' },
  };
}
