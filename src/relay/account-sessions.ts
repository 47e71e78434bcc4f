/**
 * The upstream sessions of one account: how many there may be, which are free, and what to do when the server
 * refuses its token. Last in, first out: sessions that are not needed grow old and are closed.
 */
import type { SubmittingAccount } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
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
import { adviceForRefusal } from './refusal-advice.js';
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

/** A token that the server does not want, and what it said. */
export interface TokenRefusal {
  readonly token: AccessToken;
  readonly error: AuthRefused;
}

/** What is wrong with an account by its server's word. */
export interface UpstreamRefusal {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly problem: AppError;
}

/** A session that is to be opened. */
interface Opening {
  readonly live: LiveAccount;
  /** The id of the client's session. */
  readonly client: string;
  /** For its turn. */
  readonly waitedMs: number;
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

  /** That the server refuses the account, unless it has let it in since. */
  get refusal(): UpstreamRefusal | undefined {
    const { at, error } = this.#patience.refusal ?? {};
    if (at === undefined || error === undefined) return undefined;
    const hint = adviceForRefusal(replyText(error.reply), this.account);
    return { at, problem: new AppError('upstream-auth', error.message, { hint }) };
  }

  /** See UpstreamPool.acquire. */
  acquire(live: LiveAccount, asker: Asker): UpstreamSession | Promise<UpstreamSession> {
    const turn = this.#turnstile.enter(asker);
    const idle = turn === undefined ? this.#takeIdle() : undefined;
    return idle ?? this.#acquireLater(turn, live, asker.session);
  }

  async #acquireLater(
    turn: Promise<void> | undefined,
    live: LiveAccount,
    client: string,
  ): Promise<UpstreamSession> {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    if (turn !== undefined) await turn;
    const waitedMs = clock.monotonic() - startedAt;
    return this.#takeIdle() ?? this.#open({ live, client, waitedMs });
  }

  /** See UpstreamPool.replace. */
  replace(live: LiveAccount, { session }: Asker, refusal?: TokenRefusal): Promise<UpstreamSession> {
    return this.#open({ live, client: session, waitedMs: 0 }, refusal);
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
    if (session.transactions > 0) this.#patience.proven();
    if (this.#closed || usableMs <= 0) return session.quit();
    this.#idle.push(session);
    session.idleUntil(this.#options.deadlines.in(Math.min(idleMs, usableMs)));
    this.#turnstile.leave();
  }

  /** Opens a session in the place that is held for it, and gives the place up when it cannot. */
  async #open(opening: Opening, refusal?: TokenRefusal): Promise<UpstreamSession> {
    try {
      return await this.#inTime(longestStartMs - opening.waitedMs, (signal) =>
        refusal === undefined
          ? this.#signInOrRenew(opening, signal)
          : this.#signInAnew(opening, refusal, signal),
      );
    } catch (error) {
      this.#turnstile.leave();
      throw error;
    }
  }

  /** What `work` gives, or throws AppError upstream-timeout after `limitMs`. */
  #inTime<T>(limitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, signal } = this.#options;
    const { host, port } = this.account.submission.smtp;
    const minutes = longestStartMs / 60_000;
    const late = () =>
      new AppError('upstream-timeout', `${host}:${port}: no session was ready within ${minutes} minutes`, {
        hint: 'the server answers each step too slowly: look for what delays it, or try again later',
      });
    return withinTime({ clock, limitMs, signal, late }, work);
  }

  /** A token that the server refuses is renewed once. */
  async #signInOrRenew(opening: Opening, signal: AbortSignal): Promise<UpstreamSession> {
    const token = await unlessAborted(opening.live.tokens.accessToken(), signal);
    const standing = this.#patience.refusalOf(token);
    if (standing !== undefined) throw standing;
    try {
      return await this.#signIn(token, opening, signal);
    } catch (error) {
      if (!(error instanceof AuthRefused)) throw error;
      return await this.#signInAnew(opening, { token, error }, signal);
    }
  }

  /** With another token than the one that was refused, or not at all. */
  async #signInAnew(opening: Opening, refusal: TokenRefusal, signal: AbortSignal): Promise<UpstreamSession> {
    const { client, live } = opening;
    const token = this.#mayRenew(refusal.error)
      ? await unlessAborted(live.tokens.renew(refusal.token), signal)
      : undefined;
    if (token === undefined) throw this.refused(refusal, client);
    this.#options.figures.authRetries++;
    this.#options.logger.info(
      { session: client, account: this.account.name, reply: replyText(refusal.error.reply) },
      'token renewed: refused',
    );
    return this.#signIn(token, opening, signal).catch((error: unknown) => {
      throw error instanceof AuthRefused ? this.refused({ token, error }, client) : error;
    });
  }

  #mayRenew({ blamesToken, reply }: AuthRefused): boolean {
    const detail = enhancedDetail(reply.lines[0] ?? '');
    return blamesToken && !this.account.provider.refusalsBeyondTokens.includes(detail ?? '');
  }

  /** See UpstreamPool.refused. */
  refused({ error, token }: TokenRefusal, session: string): AuthRefused {
    if (error.isVerdict) {
      this.#patience.refused(token, error);
      const { name } = this.account;
      this.#options.logger.error(
        { session, account: name, reply: replyText(error.reply) },
        'the upstream refuses the account',
      );
    }
    return error;
  }

  async #signIn(
    token: AccessToken,
    { client, waitedMs }: Opening,
    signal: AbortSignal,
  ): Promise<UpstreamSession> {
    const { clientName, clock, deadlines, figures, logger, traceDialogue } = this.#options;
    const { account } = this;
    await this.#turnstile.logIn(waitedMs, signal);
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
