/**
 * Keeps the token of one account fresh, in the background and on demand: one refresh at a time, old tokens used
 * while they live, back-off, and the failure known rather than asked for again. Promises that a fresh token costs
 * no I/O. How a refresh is done is refresh-once.ts's; when, schedule.ts's.
 */
import type { Account } from '../accounts/account.js';
import { type Clock, sleep } from '../core/clock.js';
import type { AppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { NewToken, StoredToken, TokenStore } from '../tokens/token.js';
import { refreshOnce, type RefreshResult, type RequestGrant, type RequestRefresh } from './refresh-once.js';
import { expiredOnArrival, mayPass, noTokenYet } from './failure.js';
import { type Flight, takeOff } from './flight.js';
import { dueAt, type HeldToken, holdToken, isJustMade, policyOf } from './held-token.js';
import { type Place, RefreshPace } from './pace.js';
import { RefreshLog } from './refresh-log.js';
import { nextAttemptAt, type RefreshPolicy } from './schedule.js';
import type { AccessToken, TokenSource } from './token-source.js';
import type { RefreshWitness } from './witness.js';

/** What is to be kept fresh. */
export interface RefreshedAccount {
  readonly account: Account;
  readonly store: TokenStore;
  /** What the store held a moment ago. */
  readonly initial: StoredToken;
}

/** With what; the same for thousands of accounts, none of which makes a copy of it. */
export interface RefresherOptions {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly requestRefresh: RequestRefresh;
  readonly requestGrant: RequestGrant;
  /** Shared with other accounts; by default it has one of its own. */
  readonly pace?: RefreshPace | undefined;
  /** Hears how each refresh ended. */
  readonly witness?: RefreshWitness | undefined;
}

export interface Refresher extends TokenSource, Pick<RefresherStatus, 'state' | 'problem'> {
  /** The store may hold something else now. */
  storeChanged(): Promise<void>;
  status(): RefresherStatus;
  /** Whether nothing but the store, which was not there, keeps it from a token or from writing one. */
  readonly waitsForStore: boolean;
  /** Of the stored content that it goes by. */
  readonly version: string;
  /** Refreshes only for who asks from now on. Resolves when no refresh is under way that has an answer to write. */
  rest(): Promise<void>;
  /** Waits for a refresh under way, whose answer may be the only valid token. */
  close(): Promise<void>;
}

export interface RefresherStatus {
  readonly state: State['kind'];
  readonly refreshing: boolean;
  /** Of the token in hand. Milliseconds since the epoch. */
  readonly issuedAt: number | undefined;
  readonly expiresAt: number | undefined;
  readonly nextAttemptAt: number | undefined;
  readonly problem: AppError | undefined;
}

type State =
  /** All is well. */
  | { readonly kind: 'holding'; readonly held: HeldToken; readonly nextAt: number }
  /** No token to use, and nothing tried yet. */
  | { readonly kind: 'due'; readonly held?: undefined; readonly nextAt: number }
  /** The last attempt failed; the old token may still live. */
  | {
      readonly kind: 'troubled';
      readonly held: HeldToken | undefined;
      readonly nextAt: number;
      readonly failures: number;
      readonly error: AppError;
    }
  /** The new token is in memory only. Nothing but writing it is tried. */
  | { readonly kind: 'unsaved'; readonly held: HeldToken | undefined; readonly error: AppError };

/** How long a message waits for a refresh it could do without, or that failed before; from its start. */
const patienceMs = 5_000;
/** A living holder of the lock ends within its own time-out of 30 s. */
const lockPatienceMs = 45_000;

export function createRefresher(whom: RefreshedAccount, options: RefresherOptions): Refresher {
  return new AccountRefresher(whom, options);
}

class AccountRefresher implements Refresher {
  readonly #options: RefresherOptions;
  readonly #account: Account;
  readonly #store: TokenStore;
  readonly #policy: RefreshPolicy;
  readonly #log: RefreshLog;
  readonly #place: Place;
  readonly #turnCame = () => void this.#refresh();
  #state: State;
  /** Of the stored token that #state speaks of. */
  #version: string;
  #flight: Flight | undefined;
  /** End waits of the flight: for another holder of the lock, and before another attempt to write. */
  #waitForLock: AbortController | undefined;
  #waitToWrite: AbortController | undefined;
  #resting = false;
  #closed = false;

  constructor({ account, initial, store }: RefreshedAccount, options: RefresherOptions) {
    const { clock, pace, random } = options;
    this.#options = options;
    this.#account = account;
    this.#store = store;
    this.#policy = policyOf(account);
    this.#log = new RefreshLog(account, options.logger, options.witness);
    this.#place = (pace ?? new RefreshPace(clock, random)).enter(account);
    this.#version = initial.version;
    this.#state = this.#healthy(initial);
    this.#sleep();
  }

  accessToken(): Promise<AccessToken> {
    const { held } = this.#state;
    if (held !== undefined && this.#now() < held.dueAt) return held.answer;
    return this.#refreshed();
  }

  async renew({ secret }: AccessToken): Promise<AccessToken | undefined> {
    const state = this.#state;
    if (state.held?.token.secret.equals(secret) === true) {
      if (this.#flight === undefined) {
        if (state.kind !== 'holding' || isJustMade(state.held, this.#now())) return undefined;
        this.#state = { ...state, held: dueAt(state.held, 0), nextAt: this.#now() };
      }
      await this.#refresh().settled;
    }
    const { held } = this.#state;
    const usable = held !== undefined && this.#now() < held.usableUntil && !held.token.secret.equals(secret);
    return usable ? held.token : undefined;
  }

  async storeChanged(): Promise<void> {
    // A sign-in ends the wait for another attempt to write what it replaces.
    this.#waitToWrite?.abort();
    for (;;) {
      await this.#flight?.finished;
      const before = this.#version;
      const stored = await this.#store.read().catch(() => undefined);
      if (stored === undefined || this.#closed) return;
      if (this.#flight || this.#version !== before) continue;
      if (stored.version === before && !this.waitsForStore) return;
      this.#version = stored.version;
      this.#state = this.#healthy(stored);
      this.#sleep();
      return;
    }
  }

  get version(): string {
    return this.#version;
  }

  get waitsForStore(): boolean {
    const state = this.#state;
    return state.kind === 'unsaved' || (state.kind === 'troubled' && state.error.code.startsWith('store-'));
  }

  get state(): RefresherStatus['state'] {
    return this.#state.kind;
  }

  get problem(): AppError | undefined {
    return 'error' in this.#state ? this.#state.error : undefined;
  }

  status(): RefresherStatus {
    const state = this.#state;
    return {
      state: state.kind,
      refreshing: this.#flight !== undefined,
      issuedAt: state.held?.issuedAt,
      expiresAt: state.held?.token.expiresAt,
      nextAttemptAt: state.kind === 'unsaved' ? undefined : state.nextAt,
      problem: this.problem,
    };
  }

  async rest(): Promise<void> {
    this.#resting = true;
    this.#place.leave();
    await this.#flight?.finished;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waitForLock?.abort();
    this.#waitToWrite?.abort();
    await this.rest();
  }

  /** Inside the window or past it: waits for a refresh as long as there is nothing better. */
  async #refreshed(): Promise<AccessToken> {
    // Twice, because a refresh can end with a new sign-in whose own token must be refreshed first.
    for (let round = 0; round < 2; round++) {
      const { held, kind } = this.#state;
      if (!this.#mayTry()) break;
      const { patience, settled } = this.#refresh();
      const hurry = kind === 'troubled' || (held && this.#now() < held.usableUntil);
      await (hurry ? patience : settled);
      if (this.#state.kind !== 'due') break;
    }
    const state = this.#state;
    if (state.held && this.#now() < state.held.usableUntil) return state.held.token;
    throw 'error' in state ? state.error : noTokenYet(this.#account);
  }

  /** Not while backing off, unless an attempt runs already; not while there is something to write. */
  #mayTry(): boolean {
    if (this.#closed || this.#state.kind === 'unsaved') return false;
    return this.#flight !== undefined || this.#state.kind !== 'troubled' || this.#now() >= this.#state.nextAt;
  }

  #refresh(): Flight {
    this.#place.noTurn();
    this.#flight ??= takeOff(
      this.#options.clock,
      patienceMs,
      (settle) => this.#fly(settle),
      () => {
        this.#flight = undefined;
        this.#sleep();
      },
    );
    return this.#flight;
  }

  async #fly(settle: () => void): Promise<void> {
    const { clock, requestGrant, requestRefresh } = this.#options;
    const wait = this.#place.begin();
    if (wait !== undefined) await wait;
    const startedAt = clock.monotonic();
    const waitForLock = (this.#waitForLock = new AbortController());
    if (this.#closed) waitForLock.abort();
    const timer = clock.setTimer(lockPatienceMs, () => waitForLock.abort(), { unref: true });
    let writes = 0;
    const result = await refreshOnce({
      account: this.#account,
      store: this.#store,
      clock,
      requestRefresh,
      requestGrant,
      mustRefresh: (found) => this.#mustRefresh(found),
      beforeWritingAgain: (token, failure) => {
        const again = this.#keepInMemory(token, failure, ++writes);
        settle();
        return again;
      },
      signal: waitForLock.signal,
    });
    timer.cancel();
    this.#waitForLock = undefined;
    this.#place.end();
    this.#land(result, clock.monotonic() - startedAt);
  }

  /** Another process may have refreshed it already; a token that the server refused is due whoever wrote it. */
  #mustRefresh(found: StoredToken): boolean {
    const { held } = this.#state;
    const now = this.#now();
    if (held && held.token.secret.equals(found.accessToken)) return now >= held.dueAt;
    const other = holdToken(found, this.#policy, now, 0);
    return other === undefined || now >= other.dueAt;
  }

  async #keepInMemory(token: NewToken, error: AppError, failures: number): Promise<boolean> {
    this.#state = { kind: 'unsaved', held: this.#hold({ ...token, writtenAt: this.#now() }), error };
    this.#log.unsaved(error);
    const wait = { kind: 'backing-off', failures, failedAt: this.#now(), retryAfterSeconds: 0 } as const;
    const again = nextAttemptAt(wait, this.#policy, this.#now(), this.#options.random());
    const waitToWrite = (this.#waitToWrite = new AbortController());
    if (this.#closed) waitToWrite.abort();
    await sleep(this.#options.clock, again - this.#now(), waitToWrite.signal).catch(() => undefined);
    return !this.#closed;
  }

  #land(result: RefreshResult, ms: number): void {
    if (result.kind === 'failed') {
      if (this.#state.kind === 'unsaved') this.#log.lost(result.error);
      else if (!this.#closed) this.#log.ended(result, 0, ms);
      this.#trouble(result.error, result.retryAfterSeconds);
      return;
    }
    const { stored } = result;
    this.#log.ended(result, Math.ceil((stored.expiresAt - this.#now()) / 1000), ms);
    this.#version = stored.version;
    const state = this.#healthy(stored);
    // Taken for due, it would be refreshed again at once, and so on.
    if (result.kind === 'refreshed' && state.kind === 'due')
      this.#trouble(expiredOnArrival(this.#account), undefined);
    else this.#state = state;
  }

  #trouble(error: AppError, retryAfterSeconds: number | undefined): void {
    const { clock, random } = this.#options;
    const failedAt = clock.now();
    const failures = this.#state.kind === 'troubled' ? this.#state.failures + 1 : 1;
    const situation = mayPass(error)
      ? ({ kind: 'backing-off', failures, failedAt, retryAfterSeconds } as const)
      : ({ kind: 'stopped', failedAt } as const);
    const nextAt = nextAttemptAt(situation, this.#policy, failedAt, random());
    this.#state = { kind: 'troubled', held: this.#state.held, nextAt, failures, error };
  }

  #healthy(stored: StoredToken): State {
    const held = this.#hold(stored);
    if (held === undefined) return { kind: 'due', nextAt: this.#now() };
    if (this.#resting) return { kind: 'holding', held, nextAt: held.dueAt };
    const nextAt = this.#place.book({ issuedAt: held.issuedAt, expiresAt: stored.expiresAt }, held.dueAt);
    return { kind: 'holding', held: dueAt(held, nextAt), nextAt };
  }

  #hold(facts: Parameters<typeof holdToken>[0]): HeldToken | undefined {
    return holdToken(facts, this.#policy, this.#now(), this.#options.random());
  }

  #now(): number {
    return this.#options.clock.now();
  }

  /** Until the next attempt is due. */
  #sleep(): void {
    this.#place.noTurn();
    if (this.#resting || this.#flight || this.#state.kind === 'unsaved') return;
    this.#place.turn(this.#turnCame, this.#state.nextAt);
  }
}
