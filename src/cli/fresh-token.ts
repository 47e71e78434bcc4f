/** A token that can be used now, for a command that needs one: the stored one, or a refreshed one. */
import type { Secret } from '../core/secret.js';
import { expiredOnArrival } from '../refresh/failure.js';
import { holdToken, policyOf } from '../refresh/held-token.js';
import type { Context } from './context.js';
import type { Usable } from './find-account.js';
import type { Ui } from './ui.js';

/** Throws AppError when there is none; a refresh that fails while the old token lives is only a warning. */
export async function freshToken(
  found: Usable,
  context: Context,
  ui: Ui,
  signal: AbortSignal,
): Promise<Secret> {
  const { account, stored } = found;
  const { clock } = context;
  const policy = policyOf(account);
  const held = (of: typeof stored) => holdToken(of, policy, clock.now(), 0);
  const isDue = (of: typeof stored) => {
    const token = held(of);
    return token === undefined || clock.now() >= token.dueAt;
  };
  const old = held(stored);
  if (old !== undefined && !isDue(stored)) return old.token.secret;
  // Only now: what speaks HTTP takes longer to load than all the rest.
  const { forOnce, refreshNow } = await import('./refresh-now.js');
  const result = await refreshNow({ found, context, mustRefresh: isDue }, ui, signal);
  if (result.kind !== 'failed') {
    const token = held(result.stored) ?? old;
    if (token !== undefined) return token.token.secret;
    throw expiredOnArrival(account);
  }
  signal.throwIfAborted();
  const error = forOnce(result.error);
  if (old === undefined) throw error;
  ui.warn(`${error.message}; the token that is there still lives`);
  if (error.hint !== undefined) ui.hint(error.hint);
  return old.token.secret;
}
