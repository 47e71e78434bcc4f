/**
 * One refresh for a person who waits for it, exactly as `serve` does it, under the same lock. It promises that an
 * answer of the token endpoint is kept: neither Ctrl-C nor a full disk makes it let go of a new token at once. What
 * became of the sign-in is remembered as `serve` remembers it, and harms nobody where it cannot be.
 */
import { type Clock, sleep } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import { requestRefresh } from '../oauth/client.js';
import { requestGrant } from '../oauth/grant.js';
import { refreshOnce, type RefreshResult } from '../refresh/refresh-once.js';
import { noteEnded, noteHeld, noteRefreshed } from '../refresh/sign-in-memory.js';
import type { NewToken, StoredToken } from '../tokens/token.js';
import type { Context } from './context.js';
import type { Usable } from './find-account.js';
import { withPatience } from './patience.js';
import type { Ui } from './ui.js';

/** How often, and how long, a token that the server gave is tried to be written. */
const writeAgainEveryMs = 5_000;
const writeAttempts = 12;

export interface RefreshNowOptions {
  /** `stored` is what was found before. */
  readonly found: Pick<Usable, 'account' | 'store' | 'stored'>;
  readonly context: Pick<Context, 'clock' | 'memory'>;
  /** Whether what stands in the store must be refreshed; asked under the lock. */
  readonly mustRefresh: (found: StoredToken) => boolean;
}

/** Never rejects; after `signal` aborts, a request that is under way is still finished. */
export async function refreshNow(
  { context, found, mustRefresh }: RefreshNowOptions,
  ui: Ui,
  signal: AbortSignal,
): Promise<RefreshResult> {
  const { account, store } = found;
  const { clock } = context;
  const result = await withPatience(clock, signal, (patience) =>
    refreshOnce({
      account,
      store,
      clock,
      requestRefresh: (client, refreshToken) =>
        uninterrupted(ui, signal, () => requestRefresh(client, refreshToken, { clock })),
      requestGrant: (client, grant) =>
        uninterrupted(ui, signal, () => requestGrant(client, grant, { clock })),
      mustRefresh,
      beforeWritingAgain: writeAgain(clock, ui, signal),
      signal: patience,
    }),
  );
  await remember(found, result, context);
  return result;
}

async function remember(
  { account, stored }: RefreshNowOptions['found'],
  result: RefreshResult,
  { clock, memory }: RefreshNowOptions['context'],
): Promise<void> {
  const state = await memory();
  const now = clock.now();
  noteHeld(state, account, stored, now);
  if (result.kind === 'refreshed') noteRefreshed(state, account, result, now);
  else if (result.kind !== 'failed') noteHeld(state, account, result.stored, now);
  else if (result.error.code === 'grant-dead') noteEnded(state, account, stored, now);
  await state.flush();
}

/** Says why Ctrl-C does not end the command now. */
async function uninterrupted<T>(ui: Ui, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const explain = () => ui.say('Finishing the refresh that has begun: its answer must be kept …');
  signal.addEventListener('abort', explain);
  try {
    return await work();
  } finally {
    signal.removeEventListener('abort', explain);
  }
}

/** Gives a person a minute to make room for a token that exists nowhere else; Ctrl-C makes it the last attempt. */
function writeAgain(
  clock: Clock,
  ui: Ui,
  signal: AbortSignal,
): (token: NewToken, problem: AppError) => Promise<boolean> {
  let attempts = 1;
  return async (_token, { hint, message }) => {
    ui.fail(message, hint);
    ui.say('The endpoint has given a new token. Trying again to write it …');
    attempts += 1;
    await sleep(clock, writeAgainEveryMs, signal).catch(() => undefined);
    return attempts < writeAttempts && !signal.aborted;
  };
}

/** What `serve` tries again by itself, a person has to. */
export function forOnce(error: AppError): AppError {
  if (error.code !== 'refresh-transient') return error;
  return new AppError(error.code, error.message, { hint: 'try again in a moment', cause: error });
}
