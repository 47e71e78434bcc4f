/**
 * Upstream sessions, account by account: which are free for the next message, who may have one now, who waits.
 * A session that has served a message is kept for the next one of the same account, since a new one costs four
 * round trips, a TLS handshake and an AUTH. Accounts never wait for each other.
 */
import { setMaxListeners } from 'node:events';
import type { SubmittingAccount } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Pace, Provider } from '../providers/provider.js';
import type { LiveAccount } from '../refresh/token-source.js';
import type { Asker, TokenRefusal, UpstreamRefusal } from './account-logins.js';
import { AccountSessions, type Occupancy } from './account-sessions.js';
import type { Deadlines } from './deadlines.js';
import type { RelayFigures } from './figures.js';
import { ExtensionMemory } from './offer.js';
import { shareOf, Turnstile } from './pacing.js';
import type { UpstreamSession } from './upstream.js';

export interface PoolOptions {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly figures: RelayFigures;
  readonly logger: Logger;
  readonly clientName: string;
  readonly traceDialogue: boolean;
  /** Of what a provider allows an account, the part that is this machine's, in (0, 1]. By default all. */
  readonly share?: number | undefined;
  /** Whose place it takes: it goes on with what that one knows of servers, and within what it counts of accounts. */
  readonly before?: UpstreamPool | undefined;
}

/** Where a transaction gets its session. */
export type UpstreamSource = Pick<UpstreamPool, 'acquire' | 'replace' | 'refused' | 'figures'>;

export class UpstreamPool {
  readonly #options: Omit<PoolOptions, 'before'>;
  /** By the account's name; those that have sent mail since the start. */
  readonly #accounts = new Map<string, AccountSessions>();
  /** By the account's name; of all pools together, so that an account has what its provider allows once. */
  readonly #turnstiles: Map<string, Turnstile>;
  /** What the servers offered to the sessions that were opened. */
  readonly extensions: ExtensionMemory;
  readonly figures: RelayFigures;
  readonly #closing = new AbortController();
  #retired = false;

  constructor({ before, ...options }: PoolOptions) {
    // Each session that is being opened listens; Node.js would take more than ten for a leak.
    setMaxListeners(0, this.#closing.signal);
    this.#options = options;
    this.figures = options.figures;
    this.extensions = before?.extensions ?? new ExtensionMemory();
    this.#turnstiles = before === undefined ? new Map() : before.#turnstiles;
  }

  /** Sessions end with the message that they serve; nothing is kept for a next one. */
  retire(): void {
    this.#retired = true;
    for (const sessions of this.#accounts.values()) sessions.close();
  }

  /**
   * A session that is ready for MAIL, at once where one is free; the caller owns it until it releases it, or until
   * it ends. Throws, or rejects with, AppError: account-busy, token trouble from the token source, upstream trouble
   * from the session.
   */
  acquire(live: LiveAccount, asker: Asker): UpstreamSession | Promise<UpstreamSession> {
    return this.#sessionsOf(live).acquire(live, asker);
  }

  /**
   * One on a fresh connection, in the place that the asker's session has left to it: nobody else gets in between, and
   * its message counts once. Rejects as `acquire` does, and with the refusal where no other token is to be had.
   * @param refusal of the token of the session before, which is then renewed
   */
  replace(live: LiveAccount, asker: Asker, refusal?: TokenRefusal): Promise<UpstreamSession> {
    return this.#sessionsOf(live).replace(live, asker, refusal);
  }

  /**
   * The server wants no token of the account: others are told so for a while, instead of asking again.
   * @param session the id of the client's
   */
  refused(live: LiveAccount, refusal: TokenRefusal, session: string): void {
    this.#sessionsOf(live).logins.refused(refusal, session);
  }

  /** By account: its sessions as they are at this moment. */
  occupancy(): ReadonlyMap<string, Occupancy> {
    return new Map([...this.#accounts].map(([name, sessions]) => [name, sessions.occupancy]));
  }

  /** Undefined for an account that has sent nothing yet. */
  occupancyOf(account: string): Occupancy | undefined {
    return this.#accounts.get(account)?.occupancy;
  }

  /** That the server last refused the account; undefined where it has let it in since, or was not asked. */
  refusalOf(account: string): UpstreamRefusal | undefined {
    return this.#accounts.get(account)?.logins.refusal;
  }

  /** Ends every session; those that are idle say good-bye, and attempts to open one are given up. */
  close(): void {
    this.#closing.abort(new AppError('upstream-lost', 'mailbearer is stopping'));
    for (const sessions of this.#accounts.values()) sessions.close();
  }

  #sessionsOf({ account }: LiveAccount): AccountSessions {
    const { name } = account;
    const known = this.#accounts.get(name);
    // Settings that have changed make another account of it.
    if (known?.account === account) return known;
    known?.close();
    const sessions = new AccountSessions(account, {
      ...this.#options,
      extensions: this.extensions,
      turnstile: this.#turnstileOf(account),
      signal: this.#closing.signal,
    });
    this.#accounts.set(name, sessions);
    // Of a client from before that sends for another account now.
    if (this.#retired) sessions.close();
    return sessions;
  }

  /** A new one, for what this machine may do. */
  turnstile({ provider }: SubmittingAccount): Turnstile {
    return new Turnstile(this.#paceOf(provider), this.#options.clock, this.figures);
  }

  #turnstileOf(account: SubmittingAccount): Turnstile {
    const { name, provider } = account;
    const known = this.#turnstiles.get(name);
    known?.repace(this.#paceOf(provider));
    const turnstile = known ?? this.turnstile(account);
    this.#turnstiles.set(name, turnstile);
    return turnstile;
  }

  #paceOf({ pace }: Provider): Pace {
    return shareOf(pace, this.#options.share ?? 1);
  }
}
