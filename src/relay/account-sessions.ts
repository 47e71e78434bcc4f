/**
 * The upstream sessions of one account: how many there may be, and which are free. Last in, first out: sessions that
 * are not needed grow old and are closed.
 */
import type { SubmittingAccount } from '../accounts/account.js';
import type { LiveAccount } from '../refresh/token-source.js';
import {
  AccountLogins,
  type AccountLoginsOptions,
  type Asker,
  type LoginHome,
  type Opening,
  type TokenRefusal,
} from './account-logins.js';
import type { IdleHome, Turnstile } from './pacing.js';
import type { UpstreamSession } from './upstream.js';

/** Long enough for the next message of a burst, far below the idle limits of servers (RFC 5321: 5 minutes). */
const idleMs = 60_000;
/** A session is not reused this close to its token's end: Gmail cuts it there, perhaps in mid-message. */
const expiryMarginMs = 30_000;

/** The sessions of an account, and how many messages wait for one. */
export interface Occupancy {
  readonly busy: number;
  readonly idle: number;
  readonly opening: number;
  readonly waiting: number;
}

export class AccountSessions implements LoginHome, IdleHome {
  readonly account: SubmittingAccount;
  /** How they begin. */
  readonly logins: AccountLogins;
  readonly #options: AccountLoginsOptions;
  readonly #turnstile: Turnstile;
  /** All that live: those in `#idle`, and those that serve a message. */
  readonly #sessions = new Set<UpstreamSession>();
  readonly #idle: UpstreamSession[] = [];
  #closed = false;

  constructor(account: SubmittingAccount, options: AccountLoginsOptions) {
    this.account = account;
    this.#options = options;
    this.#turnstile = options.turnstile;
    this.logins = new AccountLogins(account, options, this);
    this.#turnstile.homes.add(this);
  }

  get occupancy(): Occupancy {
    return {
      busy: this.#sessions.size - this.#idle.length,
      idle: this.#idle.length,
      opening: this.logins.opening,
      waiting: this.#turnstile.waiting,
    };
  }

  /** See UpstreamPool.acquire. */
  acquire(live: LiveAccount, asker: Asker): UpstreamSession | Promise<UpstreamSession> {
    const turn = this.#turnstile.enter(asker);
    const idle = turn === undefined ? this.#takeIdle() : undefined;
    return idle ?? this.#acquireLater(turn, live, asker);
  }

  async #acquireLater(
    turn: Promise<void> | undefined,
    live: LiveAccount,
    asker: Asker,
  ): Promise<UpstreamSession> {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    if (turn !== undefined) await turn;
    const waitedMs = clock.monotonic() - startedAt;
    return this.#takeIdle() ?? this.#open({ live, asker, waitedMs, replaces: false });
  }

  /** See UpstreamPool.replace. */
  replace(live: LiveAccount, asker: Asker, refusal?: TokenRefusal): Promise<UpstreamSession> {
    return this.#open({ live, asker, waitedMs: 0, replaces: true }, refusal);
  }

  begun(session: UpstreamSession): void {
    this.#sessions.add(session);
  }

  takeBack(session: UpstreamSession, reset: boolean): void {
    if (!session.isAlive) return;
    if (!reset) return this.#keep(session);
    session.command('RSET\r\n', {
      stage: 'rset',
      take: (reply) => {
        if (reply.code === 250) this.#keep(session);
        else session.destroy();
      },
    });
  }

  ended(session: UpstreamSession, leavesPlace: boolean): void {
    this.#sessions.delete(session);
    this.#turnstile.connections--;
    const index = this.#idle.indexOf(session);
    if (index >= 0) this.#idle.splice(index, 1);
    else if (!leavesPlace) this.#turnstile.leave();
  }

  /** Those that are idle say good-bye; the others end, too, when they are released or the relay stops. */
  close(): void {
    this.#closed = true;
    this.#turnstile.homes.delete(this);
    for (const session of [...this.#idle]) session.quit();
    if (this.#options.signal.aborted) for (const session of [...this.#sessions]) session.destroy();
  }

  #takeIdle(): UpstreamSession | undefined {
    // One that ends leaves the list by itself.
    for (let session = this.#idle.at(-1); session !== undefined; session = this.#idle.at(-1)) {
      if (session.isMidReply) session.destroy();
      else if (this.#usableMs(session) > 0) return this.#idle.pop();
      else session.quit();
    }
    return undefined;
  }

  /** For how long its token may be relied on; not positive when it may not. */
  #usableMs(session: UpstreamSession): number {
    return session.token.expiresAt - expiryMarginMs - this.#options.clock.now();
  }

  #keep(session: UpstreamSession): void {
    if (!session.isAlive) return;
    const usableMs = this.#usableMs(session);
    if (session.transactions > 0) this.logins.proven();
    if (this.#closed || usableMs <= 0) return session.quit();
    this.#idle.push(session);
    session.idleUntil(this.#options.deadlines.in(Math.min(idleMs, usableMs)));
    this.#turnstile.leave();
  }

  /** Opens a session in the place that is held for it, and gives the place up when it cannot. */
  async #open(opening: Opening, refusal?: TokenRefusal): Promise<UpstreamSession> {
    try {
      return await this.logins.open(opening, refusal);
    } catch (error) {
      this.#turnstile.leave();
      throw error;
    }
  }

  quitIdle(): boolean {
    const oldest = this.#idle[0];
    oldest?.quit();
    return oldest !== undefined;
  }
}
