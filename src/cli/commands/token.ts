/**
 * `token`: an access token with life enough left, refreshed first when it must be, on standard output and nothing
 * else there. For programs that ask another one for their password. quick-token.ts answers for most of its calls.
 */
import { canSubmit } from '../../accounts/account.js';
import type { Clock } from '../../core/clock.js';
import { exitStatus } from '../../core/errors.js';
import type { Secret } from '../../core/secret.js';
import type { MechanismName } from '../../providers/provider.js';
import { oauthbearer } from '../../protocol/sasl/oauthbearer.js';
import { xoauth2 } from '../../protocol/sasl/xoauth2.js';
import { expiredOnArrival } from '../../refresh/failure.js';
import { holdToken, policyOf } from '../../refresh/held-token.js';
import { openContext } from '../context.js';
import { findAccount, requireUsable, type Usable } from '../find-account.js';
import { untilInterrupted } from '../interrupt.js';
import { forOnce, refreshNow } from '../refresh-now.js';
import type { Ui } from '../ui.js';

export interface TokenOptions {
  readonly configFile?: string;
  readonly account: string;
  /** Print the initial response of this mechanism instead. */
  readonly sasl?: MechanismName;
}

/** Resolves to the exit status; throws AppError, or Interrupted. */
export function runToken(options: TokenOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    const context = await openContext(options.configFile);
    const found = requireUsable(await findAccount(options.account, context, ui, { makesFiles: true }));
    const token = await freshToken(found, context.clock, ui, signal);
    await ui.data(options.sasl === undefined ? token.reveal() : response(options.sasl, found, token));
    return exitStatus.ok;
  });
}

/** Throws AppError when there is none; a refresh that fails while the old token lives is only a warning. */
async function freshToken(found: Usable, clock: Clock, ui: Ui, signal: AbortSignal): Promise<Secret> {
  const { account, store, stored } = found;
  const policy = policyOf(account);
  const held = (of: typeof stored) => holdToken(of, policy, clock.now(), 0);
  const isDue = (of: typeof stored) => {
    const token = held(of);
    return token === undefined || clock.now() >= token.dueAt;
  };
  const old = held(stored);
  if (old !== undefined && !isDue(stored)) return old.token.secret;
  const result = await refreshNow({ account, store, clock, mustRefresh: isDue }, ui, signal);
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

function response(name: MechanismName, { account }: Usable, token: Secret): string {
  if (!canSubmit(account)) throw account.submission;
  const { user, smtp } = account.submission;
  const mechanism = name === 'xoauth2' ? xoauth2 : oauthbearer;
  return mechanism.response({ user, token, host: smtp.host, port: smtp.port });
}
