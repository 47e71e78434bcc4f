/**
 * `revoke`: ends an account's sign-in at the provider, and only then removes its token file. All under the lock, so that
 * no refresh at the same time puts a token in the place of the one that is ended. Where the provider cannot be asked, a
 * person is told where to go, and the file stays.
 */
import { type Account, clientOf } from '../../accounts/account.js';
import { AppError, exitStatus, toAppError } from '../../core/errors.js';
import type { Secret } from '../../core/secret.js';
import type { HttpOptions } from '../../oauth/http.js';
import { findRevocationEndpoint, requestRevocation } from '../../oauth/revoke.js';
import { openContext } from '../context.js';
import { findAccount, requireUsable } from '../find-account.js';
import { untilInterrupted } from '../interrupt.js';
import { withPatience } from '../patience.js';
import type { LockedStore, StoredToken } from '../../tokens/token.js';
import type { Ui } from '../ui.js';

export interface RevokeOptions {
  readonly configFile?: string;
  readonly account: string;
  /** Do not ask. */
  readonly yes?: boolean;
}

/** Resolves to 0, or 1 when the person thought better of it; throws AppError, or Interrupted. */
export function runRevoke(options: RevokeOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    const context = await openContext(options.configFile);
    const { account, path, store, stored } = requireUsable(await findAccount(options.account, context, ui));
    const { name } = account;
    const { clock } = context;
    const endpoint = await revocationEndpointOf(account, { clock, signal });
    // One in the keyring is known under the lock only.
    if (account.tokenStore !== 'keyring') refreshTokenOf(account, stored);
    if (options.yes !== true && !(await agreed(name, path, ui, signal))) return exitStatus.failed;
    const outcome = await withPatience(clock, signal, (patience) =>
      store.exclusively(async (locked) => {
        const found = await locked.read();
        const refreshToken = refreshTokenOf(account, found);
        const client = clientOf(account, found.overrides);
        const ended = await requestRevocation(client, endpoint, refreshToken, { clock, signal });
        await remove(locked, path);
        return ended;
      }, patience),
    );
    const what = outcome === 'revoked' ? 'is ended' : 'had ended already';
    ui.say(`The sign-in of ${name} ${what}, and ${path} is removed.`);
    const { accounts, source } = context.config;
    if (accounts.has(name)) ui.hint(`take ${name} out of "accounts" in ${source}, or sign in again`);
    return exitStatus.ok;
  });
}

/** Configured or known, else what the issuer names. Throws AppError usage or account-incomplete, with where to go instead. */
async function revocationEndpointOf(
  { client, grant, name, provider, tokenFile }: Account,
  options: HttpOptions,
): Promise<URL> {
  if (grant.kind !== 'refresh-token')
    throw new AppError('usage', `nobody has signed in for ${name}: there is nothing to revoke`, {
      hint: 'withdraw the secret, the certificate or the rights at the provider',
    });
  const { issuer, revocationEndpoint } = provider;
  if (revocationEndpoint !== undefined) return new URL(revocationEndpoint);
  const found = issuer && (await findRevocationEndpoint(new URL(issuer), client, options));
  options.signal?.throwIfAborted();
  if (found) return found;
  throw new AppError('account-incomplete', `${issuer ?? provider.title} cannot be asked to end a sign-in`, {
    hint: `${byHand(provider.revokeByHand)}; then: rm ${tokenFile}`,
  });
}

function refreshTokenOf({ tokenFile }: Account, { refreshToken }: StoredToken): Secret {
  if (refreshToken !== undefined) return refreshToken;
  throw new AppError('token-invalid', `${tokenFile} has no refresh token to revoke`, {
    hint: `rm ${tokenFile}`,
  });
}

/** Without a person to ask, --yes must have been given. */
async function agreed(name: string, path: string, ui: Ui, signal: AbortSignal): Promise<boolean> {
  if (!ui.interactive)
    throw new AppError('usage', 'revoke asks before it ends a sign-in, and nobody is here to answer', {
      hint: 'add --yes',
    });
  const answer = await ui.ask(`End the sign-in of ${name} and remove ${path}? [y/N] `, signal);
  return /^y(es)?$/i.test(answer ?? '');
}

async function remove(locked: LockedStore, path: string): Promise<void> {
  try {
    await locked.remove();
  } catch (cause) {
    const { message } = toAppError(cause);
    throw new AppError('token-unwritable', `the sign-in is ended, but ${path} stays: ${message}`, {
      hint: `rm ${path}`,
      cause,
    });
  }
}

function byHand(where: string | undefined): string {
  return where === undefined
    ? 'name revocation_endpoint in the configuration, or end it there by hand'
    : `end it at ${where}`;
}
