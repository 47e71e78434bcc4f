/** Which accounts a person can sign in with a browser that is not at a terminal: all that the code flow needs is known. */
import { type Account, type AnyAccount, isBroken } from '../accounts/account.js';
import { resolveAccount } from '../accounts/resolve.js';
import { type SaslLogins, saslLogin } from '../accounts/sasl-passwd.js';
import type { Config } from '../config/config.js';

/** The account to be signed in; one whose file is missing or damaged as its configuration alone describes it. */
export function accountToSignIn(
  account: AnyAccount,
  config: Config,
  saslPasswd: SaslLogins,
): Account | undefined {
  if (!isBroken(account)) return canSignInByBrowser(account) ? account : undefined;
  const { name, problem, tokenFile } = account;
  if (problem.code !== 'token-missing' && problem.code !== 'token-invalid') return undefined;
  const anew = resolveAccount(config, { tokenFile, saslPasswdUser: saslLogin(saslPasswd, tokenFile) });
  return !isBroken(anew) && anew.name === name && canSignInByBrowser(anew) ? anew : undefined;
}

/** Whether an issuer knows that way is seen when it is asked. */
function canSignInByBrowser({ client, grant, provider }: Account): boolean {
  const isKnown = (provider.authorizationEndpoint ?? provider.issuer) !== undefined;
  return grant.kind === 'refresh-token' && isKnown && client.clientId !== '';
}
