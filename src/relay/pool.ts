/**
 * Upstream sessions, account by account: which are free for the next message, who may have one now, who waits.
 * A session that has served a message is kept for the next one of the same account, since a new one costs four
 * round trips, a TLS handshake and an AUTH. Accounts never wait for each other.
 */
import type { Clock } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { LiveAccount } from '../refresh/token-source.js';
import { AccountSessions } from './account-sessions.js';
import type { Deadlines } from './deadlines.js';
import { ExtensionMemory } from './offer.js';
import type { UpstreamSession } from './upstream.js';

export interface PoolOptions {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  readonly clientName: string;
  readonly traceDialogue: boolean;
}

export class UpstreamPool {
  readonly #options: PoolOptions;
  /** By the account's name; those that have sent mail since the start. */
  readonly #accounts = new Map<string, AccountSessions>();
  /** What the servers offered to the sessions that were opened. */
  readonly extensions = new ExtensionMemory();
  readonly #homes = new WeakMap<UpstreamSession, AccountSessions>();
  readonly #closing = new AbortController();

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * A session that is ready for MAIL; the caller owns it until `release`, or until the session ends. Throws
   * AppError: account-busy, token trouble from the token source, upstream trouble from the session.
   * @param fresh never one that was used before
   */
  async acquire(live: LiveAccount, fresh = false): Promise<UpstreamSession> {
    const home = this.#sessionsOf(live);
    const session = await home.acquire(live, fresh);
    this.#homes.set(session, home);
    return session;
  }

  /** Takes a session back, after a transaction that has ended or (`reset`) one that was broken off. */
  release(session: UpstreamSession, reset: boolean): void {
    this.#homes.get(session)?.release(session, reset);
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
      signal: this.#closing.signal,
    });
    this.#accounts.set(name, sessions);
    return sessions;
  }
}
