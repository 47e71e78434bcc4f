/**
 * `get-token` for an account that nobody signs in for: its grant stands in the configuration, and its first token is
 * got as `serve` would get it, so that whatever is wrong is said now.
 */
import { resolve } from 'node:path';
import { isBroken } from '../accounts/account.js';
import { formatDuration } from '../core/duration.js';
import { AppError, exitStatus } from '../core/errors.js';
import { resolveAccount } from '../accounts/resolve.js';
import { saslLogin } from '../accounts/sasl-passwd.js';
import type { Context } from './context.js';
import { findAccount, requireUsable } from './find-account.js';
import { forOnce, refreshNow } from './refresh-now.js';
import type { Ui } from './ui.js';

/** Whether the configuration says that the account of this token file needs no sign-in. */
export function needsNoSignIn({ config, logins }: Context, file: string): boolean {
  const tokenFile = resolve(file);
  const account = resolveAccount(config, { tokenFile, saslPasswdUser: saslLogin(logins, tokenFile) });
  return !isBroken(account) && account.grant.kind !== 'refresh-token';
}

/** Resolves to the exit status; throws AppError. `provider` is the one that was named. */
export async function obtainToken(
  provider: string,
  file: string,
  context: Context,
  ui: Ui,
  signal: AbortSignal,
): Promise<number> {
  const found = requireUsable(await findAccount(resolve(file), context, ui, { makesFiles: true }));
  const { account } = found;
  if (account.provider.name !== provider)
    throw new AppError(
      'config-invalid',
      `account ${account.name} is configured for ${account.provider.name}`,
      {
        hint: `mailbearer get-token ${account.provider.name} ${file}, or change accounts.${account.name}.provider`,
      },
    );
  const { clock } = context;
  const result = await refreshNow({ found, context, mustRefresh: () => true }, ui, signal);
  signal.throwIfAborted();
  if (result.kind === 'failed') throw forOnce(result.error);
  const life = formatDuration((result.stored.expiresAt - clock.now()) / 1000);
  ui.say(
    `No sign-in is needed. A token (for ${life}) is in ${account.tokenFile}; serve renews it by itself.`,
  );
  return exitStatus.ok;
}
