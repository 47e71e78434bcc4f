/**
 * The upstream sessions of one account: how many there may be, which are free, and what to do when the server
 * refuses its token. Last in, first out: sessions that are not needed grow old and are closed.
 */
import type { SubmittingAccount } from '../accounts/account.js';
import { type Clock, sleep } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { AuthRefused } from '../protocol/smtp/client.js';
import { enhancedDetail } from '../protocol/smtp/codes.js';
import { replyText } from '../protocol/smtp/reply.js';
import type { AccessToken, LiveAccount } from '../refresh/token-source.js';
import type { Deadlines } from './deadlines.js';
import type { RelayFigures } from './figures.js';
import { logIn } from './login.js';
import type { ExtensionMemory } from './offer.js';
import type { Guest, Turnstile } from './pacing.js';
import { Patience } from './patience.js';
import { unlessAborted, withinTime } from './time-limit.js';
import { type UpstreamHome, UpstreamSession } from './upstream.js';

/** Long enough for the next message of a burst, far below the idle limits of servers (RFC 5321: 5 minutes). */
const idleMs = 60_000;
/**
 * The wait for a turn, the token, the wait for a login, and connecting up to AUTH, perhaps twice: each step has a
 * time-out of its own, and all of them together end while the submitting client, which waits five minutes for its
 * reply to MAIL (RFC 5321, 4.5.3.2.2), is still there.
 */
const longestStartMs = 4 * 60_000;
/** A session is not reused this close to its token's end: Gmail cuts it there, perhaps in mid-message. */
const expiryMarginMs = 30_000;

export interface AccountSessionsOptions {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly figures: RelayFigures;
  readonly logger: Logger;
  readonly clientName: string;
  readonly traceDialogue: boolean;
  readonly extensions: ExtensionMemory;
  /** Shared by all that have sessions of the account. */
  readonly turnstile: Turnstile;
  /** Aborted when the relay stops: attempts to open a session are given up. */
  readonly signal: AbortSignal;
}

/** For whom a session is wanted. */
export interface Asker extends Guest {
  /** The id of the client's session. */
  readonly session: string;
}

/** The sessions of an account, and how many messages wait for one. */
export interface Occupancy {
  readonly busy: number;
  readonly idle: number;
  readonly opening: number;
  readonly waiting: number;
}

export class AccountSessions implements UpstreamHome {
  readonly account: SubmittingAccount;
  readonly #options: AccountSessionsOptions;
  readonly #turnstile: Turnstile;
  readonly #patience: Patience;
  /** All that live: those in `#idle`, and those that serve a message. */
  readonly #sessions = new Set<UpstreamSession>();
  readonly #idle: UpstreamSession[] = [];
  #opening = 0;
  #closed = false;

  constructor(account: SubmittingAccount, options: AccountSessionsOptions) {
    this.account = account;
    this.#options = options;
    this.#turnstile = options.turnstile;
    this.#patience = new Patience(options.clock);
  }

  get occupancy(): Occupancy {
    return {
      busy: this.#sessions.size - this.#idle.length,
      idle: this.#idle.length,
      opening: this.#opening,
      waiting: this.#turnstile.waiting,
    };
  }

  /** See UpstreamPool.acquire. */
  acquire(live: LiveAccount, fresh: boolean, asker: Asker): UpstreamSession | Promise<UpstreamSession> {
    const turn = this.#turnstile.enter(asker);
    const idle = turn === undefined && !fresh ? this.#takeIdle() : undefined;
    return idle ?? this.#acquireLater(turn, live, fresh, asker.session);
  }

  async #acquireLater(
    turn: Promise<void> | undefined,
    live: LiveAccount,
    fresh: boolean,
    client: string,
  ): Promise<UpstreamSession> {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    if (turn !== undefined) await turn;
    try {
      const idle = fresh ? undefined : this.#takeIdle();
      return idle ?? (await this.#openWithin(longestStartMs - (clock.monotonic() - startedAt), live, client));
    } catch (error) {
      this.#turnstile.leave();
      throw error;
    }
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

  ended(session: UpstreamSession): void {
    this.#sessions.delete(session);
    this.#turnstile.connections--;
    const index = this.#idle.indexOf(session);
    if (index >= 0) this.#idle.splice(index, 1);
    else this.#turnstile.leave();
  }

  /** Those that are idle say good-bye; the others end, too, when they are released or the relay stops. */
  close(): void {
    this.#closed = true;
    for (const session of [...this.#idle]) session.quit();
    if (this.#options.signal.aborted) for (const session of [...this.#sessions]) session.destroy();
  }

  #takeIdle(): UpstreamSession | undefined {
    // One that ends leaves the list by itself.
    for (let session = this.#idle.at(-1); session !== undefined; session = this.#idle.at(-1)) {
      if (session.isMidReply) session.destroy();
      else if (this.#isUsable(session)) return this.#idle.pop();
      else session.quit();
    }
    return undefined;
  }

  #isUsable(session: UpstreamSession): boolean {
    return session.token.expiresAt - expiryMarginMs > this.#options.clock.now();
  }

  #keep(session: UpstreamSession): void {
    if (!session.isAlive) return;
    if (this.#closed || !this.#isUsable(session)) return session.quit();
    this.#idle.push(session);
    session.idleUntil(this.#options.deadlines.in(idleMs));
    this.#turnstile.leave();
  }

  /** Opens a session, or throws AppError upstream-timeout after `limitMs`. */
  #openWithin(limitMs: number, live: LiveAccount, client: string): Promise<UpstreamSession> {
    const { clock, signal } = this.#options;
    const { host, port } = this.account.submission.smtp;
    const minutes = longestStartMs / 60_000;
    const late = () =>
      new AppError('upstream-timeout', `${host}:${port}: no session was ready within ${minutes} minutes`, {
        hint: 'the server answers each step too slowly: look for what delays it, or try again later',
      });
    return withinTime({ clock, limitMs, signal, late }, (inTime) => this.#open(live, client, inTime));
  }

  /** Signs in; a token that the server refuses is renewed once, and tried on a fresh connection. */
  async #open({ tokens }: LiveAccount, client: string, signal: AbortSignal): Promise<UpstreamSession> {
    const token = await unlessAborted(tokens.accessToken(), signal);
    const standing = this.#patience.refusalOf(token);
    if (standing !== undefined) throw standing;
    try {
      return await this.#signIn(token, client, signal);
    } catch (error) {
      if (!(error instanceof AuthRefused)) throw error;
      const renewed = this.#mayRenew(error) ? await unlessAborted(tokens.renew(token), signal) : undefined;
      if (renewed === undefined) throw this.#refused(token, client, error);
      this.#options.figures.authRetries++;
      this.#options.logger.info(
        { session: client, account: this.account.name, reply: replyText(error.reply) },
        'token renewed: refused',
      );
      return this.#signIn(renewed, client, signal).catch((again: unknown) => {
        throw again instanceof AuthRefused ? this.#refused(renewed, client, again) : again;
      });
    }
  }

  #mayRenew({ blamesToken, reply }: AuthRefused): boolean {
    const detail = enhancedDetail(reply.lines[0] ?? '');
    return blamesToken && !this.account.provider.refusalsBeyondTokens.includes(detail ?? '');
  }

  #refused(token: AccessToken, session: string, error: AuthRefused): AuthRefused {
    // A 4yz says that the server could not check, and nothing of the account.
    if (error.reply.code >= 500) {
      this.#patience.refused(token, error);
      const { name } = this.account;
      this.#options.logger.error(
        { session, account: name, reply: replyText(error.reply) },
        'the upstream refuses the account',
      );
    }
    return error;
  }

  async #signIn(token: AccessToken, client: string, signal: AbortSignal): Promise<UpstreamSession> {
    const { clientName, clock, deadlines, figures, logger, traceDialogue } = this.#options;
    const { account } = this;
    const delayMs = this.#turnstile.reserveLogin();
    if (delayMs > 0) await sleep(clock, delayMs, signal);
    this.#makeRoom();
    const fields = { account: account.name, upstream: account.submission.smtp.host };
    const level = traceDialogue ? 'trace' : account.debug === true ? 'info' : undefined;
    const dialogue =
      level && ((line: string, session?: string) => logger[level]({ session, ...fields }, line));
    const startedAt = clock.monotonic();
    this.#opening++;
    this.#turnstile.connections++;
    try {
      const login = await logIn({
        ...{ account, token, clientName, clock, signal },
        dialogue: dialogue && ((line) => dialogue(line, client)),
      });
      this.#options.extensions.learn(account.submission.smtp, login.extensions);
      this.#patience.accepted();
      figures.logins.add(clock.monotonic() - startedAt);
      const session = new UpstreamSession(login, {
        account,
        token,
        deadlines,
        dialogue,
        figures,
        home: this,
      });
      this.#sessions.add(session);
      return session;
    } catch (error) {
      figures.loginsFailed++;
      this.#turnstile.connections--;
      throw error;
    } finally {
      this.#opening--;
    }
  }

  /** A session that must be fresh takes the place of an idle one, never one more than the provider allows. */
  #makeRoom(): void {
    while (this.#idle.length > 0 && !this.#turnstile.hasRoom) this.#idle[0]?.quit();
  }
}
