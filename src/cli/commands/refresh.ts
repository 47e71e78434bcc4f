/**
 * `refresh`: refreshes accounts now, whatever life their tokens have left, and writes the new ones, each under its
 * lock. One line for each account on standard output; one account's failure is told and holds up no other.
 */
import { formatDuration } from '../../core/duration.js';
import { mapConcurrently } from '../../core/concurrently.js';
import { AppError, exitStatus, toAppError } from '../../core/errors.js';
import type { Found } from '../../refresh/census.js';
import type { RefreshResult } from '../../refresh/refresh-once.js';
import { type Context, openContext } from '../context.js';
import { allAccounts, findAccount } from '../find-account.js';
import { untilInterrupted } from '../interrupt.js';
import { forOnce, refreshNow } from '../refresh-now.js';
import type { Ui } from '../ui.js';
import { describe, type Facts } from '../verdict.js';

export interface RefreshOptions {
  readonly configFile?: string;
  /** Empty: all. */
  readonly accounts: readonly string[];
  readonly json?: boolean;
}

const making = { makesFiles: true };
/** Providers count requests; a few at once are enough to be done soon. */
const atOnce = 4;

/** Resolves to the worst exit status of all, or 0; throws AppError, or Interrupted. */
export function runRefresh(options: RefreshOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    const context = await openContext(options.configFile);
    const chosen = await choose(options.accounts, context, ui);
    const facts = new Map<Found, Facts>();
    const underWay = new Set<string>();
    const showProgress = () =>
      ui.progress(underWay.size === 0 ? undefined : `Refreshing ${[...underWay].join(', ')} …`);
    let status: number = exitStatus.ok;
    await mapConcurrently(chosen, atOnce, async (found) => {
      signal.throwIfAborted();
      const { name } = found.account;
      underWay.add(name);
      showProgress();
      const result = await refresh(found, context, ui, signal);
      underWay.delete(name);
      showProgress();
      signal.throwIfAborted();
      if (result.kind === 'failed') {
        const error = forOnce(result.error);
        if (error.code === 'internal') throw error;
        status = worseOf(status, error.failure.exitStatus);
        ui.fail(`${name}: ${error.message}`, error.hint);
        facts.set(found, { account: name, ok: false, error: describe(error) });
        if (options.json !== true) await ui.data(`${name}: failed`);
      } else {
        const left = Math.round((result.stored.expiresAt - context.clock.now()) / 1000);
        facts.set(found, {
          account: name,
          ok: true,
          refreshed: result.kind === 'refreshed',
          refresh_token_replaced: result.kind === 'refreshed' && result.rotated,
          expires_at: new Date(result.stored.expiresAt).toISOString(),
          expires_in: left,
        });
        const what = result.kind === 'refreshed' ? 'refreshed' : 'refreshed elsewhere meanwhile';
        if (options.json !== true) await ui.data(`${name}: ${what}, expires in ${formatDuration(left)}`);
      }
      showProgress();
    });
    if (options.json === true) {
      const inOrder = chosen.flatMap((found) => facts.get(found) ?? []);
      await ui.data(JSON.stringify(inOrder, undefined, 2));
    }
    return status;
  });
}

/** What needs a person is worse than what passes. */
function worseOf(one: number, other: number): number {
  const weight = (status: number) => (status === exitStatus.tempFail ? 1 : status);
  return weight(other) > weight(one) ? other : one;
}

async function choose(words: readonly string[], context: Context, ui: Ui): Promise<readonly Found[]> {
  if (words.length > 0) {
    const found = await Promise.all(words.map((word) => findAccount(word, context, ui, making)));
    // One account may go by several names.
    return [...new Map(found.map((one) => [one.account.tokenFile, one])).values()];
  }
  const all = await allAccounts(context, ui, making);
  if (all.length > 0) return all;
  throw new AppError('no-accounts', 'there is no account to refresh', {
    hint: 'sign one in: mailbearer get-token --help',
  });
}

async function refresh(found: Found, context: Context, ui: Ui, signal: AbortSignal): Promise<RefreshResult> {
  if (!('store' in found))
    return { kind: 'failed', error: toAppError(found.account.problem), retryAfterSeconds: undefined };
  const { stored } = found;
  // What someone else has refreshed while the lock was waited for is as good.
  const mustRefresh = ({ version }: typeof stored) => version === stored.version;
  return refreshNow({ found, context, mustRefresh }, ui, signal);
}
