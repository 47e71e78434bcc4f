/**
 * One refresh of one account, from lock to durable file: lock, read again, reserve the space, ask, keep what was
 * answered there, put it into place, and only then hand out. Promises that a token the server gave is written or loudly
 * given up, never dropped, and that a sign-in made in the meantime is never overwritten. When to do this, and how often, is the refresher's.
 */
import { type Account, clientOf, type OAuthClient, type UnattendedGrant } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import { type AppError, toAppError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import type { RefreshOutcome } from '../oauth/outcome.js';
import type { LockedStore, NewToken, Reservation, StoredToken, TokenStore } from '../tokens/token.js';
import { noRefreshToken, outcomeFailure } from './failure.js';

/** Asks a token endpoint; src/oauth has the real one. Nothing cuts it short: the answer may rotate the token. */
export type RequestRefresh = (client: OAuthClient, refreshToken: Secret) => Promise<RefreshOutcome>;

/** Gets a token where nobody has to sign in; src/oauth has the real one. */
export type RequestGrant = (client: OAuthClient, grant: UnattendedGrant) => Promise<RefreshOutcome>;

export interface RefreshOnceOptions {
  readonly account: Account;
  readonly store: TokenStore;
  readonly clock: Clock;
  readonly requestRefresh: RequestRefresh;
  readonly requestGrant: RequestGrant;
  /** Whether what stands in the store must be refreshed; asked under the lock. */
  readonly mustRefresh: (found: StoredToken) => boolean;
  /**
   * The server gave `token` but it could not be written. Resolves when the write shall be tried again: true to
   * go on after that, false to make it the last attempt, whose failure is then thrown. The lock stays held.
   */
  readonly beforeWritingAgain: (token: NewToken, failure: AppError) => Promise<boolean>;
  /** Ends the wait for another holder of the lock, and nothing else: a request under way may rotate the token. */
  readonly signal?: AbortSignal | undefined;
}

export type RefreshResult =
  | {
      readonly kind: 'refreshed';
      readonly stored: StoredToken;
      /** False when the server did not say and an hour was assumed. */
      readonly lifetimeKnown: boolean;
      /** Whether the server replaced the refresh token. */
      readonly rotated: boolean;
      /** Of the refresh token, where the server says so. Milliseconds since the epoch. */
      readonly refreshTokenEndsAt: number | undefined;
    }
  /** Another process had refreshed it; nothing was asked. */
  | { readonly kind: 'found'; readonly stored: StoredToken }
  /** Someone signed in again, or refreshed, while the server was asked; the late answer was dropped. */
  | { readonly kind: 'superseded'; readonly stored: StoredToken }
  | { readonly kind: 'failed'; readonly error: AppError; readonly retryAfterSeconds: number | undefined };

/** Never rejects. */
export async function refreshOnce(options: RefreshOnceOptions): Promise<RefreshResult> {
  try {
    return await options.store.exclusively((locked) => underLock(options, locked), options.signal);
  } catch (error) {
    return { kind: 'failed', error: toAppError(error), retryAfterSeconds: undefined };
  }
}

async function underLock(options: RefreshOnceOptions, locked: LockedStore): Promise<RefreshResult> {
  const { account, clock } = options;
  const found = await locked.read();
  if (!options.mustRefresh(found)) return { kind: 'found', stored: found };
  const request = requestFor(options, found);
  const reservation = await locked.reserve();
  // A box, because a failed write may exchange one reservation for another.
  const held = { reservation };
  try {
    const askedAt = clock.now();
    const outcome = await request();
    if (outcome.kind !== 'refreshed') {
      const newer = outcome.kind === 'needs-person' ? await replacement(locked, found) : undefined;
      if (newer !== undefined) return { kind: 'superseded', stored: newer };
      const retryAfterSeconds = outcome.kind === 'transient' ? outcome.retryAfterSeconds : undefined;
      return { kind: 'failed', error: outcomeFailure(account, outcome), retryAfterSeconds };
    }
    const { accessToken, refreshToken, expiresInSeconds, lifetimeKnown } = outcome;
    // Counted from the question: when the answer took long, the token is that much older.
    const token = { accessToken, refreshToken, expiresAt: askedAt + expiresInSeconds * 1000 };
    // Before anything else: a kill must not lose it. If that fails, so does the writing, which tells of it.
    await reservation.keep(token).catch(() => undefined);
    const { kind, stored } = await write(options, locked, held, found.refreshToken, token);
    const rotated = refreshToken !== undefined && !refreshToken.equals(found.refreshToken);
    if (kind === 'superseded') return { kind, stored };
    const left = outcome.refreshTokenExpiresInSeconds;
    const refreshTokenEndsAt = left === undefined ? undefined : askedAt + left * 1000;
    return { kind, stored, lifetimeKnown, rotated, refreshTokenEndsAt };
  } finally {
    await held.reservation.release();
  }
}

/** Throws AppError token-invalid where a refresh token is needed and there is none. */
function requestFor(
  { account, requestGrant, requestRefresh }: RefreshOnceOptions,
  { overrides, refreshToken }: StoredToken,
): () => Promise<RefreshOutcome> {
  const { grant } = account;
  const client = clientOf(account, overrides);
  if (grant.kind !== 'refresh-token') return () => requestGrant(client, grant);
  if (refreshToken === undefined) throw noRefreshToken(account);
  return () => requestRefresh(client, refreshToken);
}

/** What the store has by now, if that is another sign-in than the one that was refused: somebody else's is not dead. */
async function replacement(
  locked: LockedStore,
  { refreshToken }: StoredToken,
): Promise<StoredToken | undefined> {
  const current = await locked.read().catch(() => undefined);
  return current?.refreshToken?.equals(refreshToken) === false ? current : undefined;
}

async function write(
  options: RefreshOnceOptions,
  locked: LockedStore,
  held: { reservation: Reservation },
  used: Secret | undefined,
  token: NewToken,
): Promise<{ kind: 'refreshed' | 'superseded'; stored: StoredToken }> {
  for (let last = false; ;) {
    try {
      const newer = await supersededBy(locked, used, token);
      if (newer) return { kind: 'superseded', stored: newer };
      return { kind: 'refreshed', stored: await held.reservation.commit(token) };
    } catch (error) {
      const failure = toAppError(error);
      // Whoever removed the file does not want it back.
      if (failure.code === 'token-missing' || last) throw failure;
      last = !(await options.beforeWritingAgain(token, failure));
      await reserveAgain(locked, held);
    }
  }
}

/** The old space is given up only for a new one: it may be the last on a full disk. */
async function reserveAgain(locked: LockedStore, held: { reservation: Reservation }): Promise<void> {
  const next = await locked.reserve().catch(() => undefined);
  if (next === undefined) return;
  await held.reservation.release();
  held.reservation = next;
}

/**
 * Another sign-in has another refresh token, neither the one that was used nor the one that it became. Where none is
 * used there are no sign-ins either, and one token is as good as another.
 */
async function supersededBy(
  locked: LockedStore,
  used: Secret | undefined,
  token: NewToken,
): Promise<StoredToken | undefined> {
  if (used === undefined) return undefined;
  let current: StoredToken;
  try {
    current = await locked.read();
  } catch (error) {
    const { code } = toAppError(error);
    if (code === 'token-missing') throw error;
    // Damaged or unreadable: what we hold is the better token, and the write decides.
    return undefined;
  }
  const same = used.equals(current.refreshToken) || token.refreshToken?.equals(current.refreshToken) === true;
  return same ? undefined : current;
}
