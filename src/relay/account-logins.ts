/**
 * How a session of an account begins: its token, the wait for a login, the connection and AUTH; and what to do when the
 * server does not want the token.
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
import type { Guest, LoginWish, Turnstile } from './pacing.js';
import { Patience } from './patience.js';
import { adviceForRefusal } from './refusal-advice.js';
import { unlessAborted, withinTime } from './time-limit.js';
import { type UpstreamHome, UpstreamSession } from './upstream.js';

/**
 * The wait for a turn, the token, the wait for a login, and connecting up to AUTH, perhaps twice: each step has a
 * time-out of its own, and all of them together end while the submitting client, which waits five minutes for its
 * reply to MAIL (RFC 5321, 4.5.3.2.2), is still there.
 */
const longestStartMs = 4 * 60_000;

export interface AccountLoginsOptions {
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

/** Where sessions live. */
export interface LoginHome extends UpstreamHome {
  /** One is ready for MAIL. */
  begun(session: UpstreamSession): void;
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
export interface Opening extends LoginWish {
  readonly live: LiveAccount;
  readonly asker: Asker;
}

/** For whom a session is wanted. */
export interface Asker extends Guest {
  /** The id of the client's session. */
  readonly session: string;
}

export class AccountLogins {
  readonly account: SubmittingAccount;
  readonly #options: AccountLoginsOptions;
  readonly #home: LoginHome;
  readonly #patience: Patience;
  /** How many are under way. */
  opening = 0;

  constructor(account: SubmittingAccount, options: AccountLoginsOptions, home: LoginHome) {
    this.account = account;
    this.#options = options;
    this.#home = home;
    this.#patience = new Patience(options.clock);
  }

  /** That the server refuses the account, unless it has let it in since. */
  get refusal(): UpstreamRefusal | undefined {
    const { at, error } = this.#patience.refusal ?? {};
    if (at === undefined || error === undefined) return undefined;
    const hint = adviceForRefusal(replyText(error.reply), this.account);
    return { at, problem: new AppError('upstream-auth', error.message, { hint }) };
  }

  /** The server has taken mail. */
  proven(): void {
    this.#patience.proven();
  }

  /**
   * A session that is ready for MAIL. Throws AppError: token trouble, account-busy, or upstream trouble; upstream-timeout
   * when it takes too long.
   * @param refusal of the token of the session before
   */
  open(opening: Opening, refusal?: TokenRefusal): Promise<UpstreamSession> {
    return this.#inTime(longestStartMs - opening.waitedMs, (signal) =>
      refusal === undefined
        ? this.#signInOrRenew(opening, signal)
        : this.#signInAnew(opening, refusal, signal),
    );
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
    const { asker, live } = opening;
    const client = asker.session;
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

  async #signIn(token: AccessToken, opening: Opening, signal: AbortSignal): Promise<UpstreamSession> {
    const client = opening.asker.session;
    const { clientName, clock, deadlines, figures, logger, traceDialogue } = this.#options;
    const { account } = this;
    await this.#options.turnstile.logIn(opening, signal);
    this.#options.turnstile.makeRoom();
    const fields = { account: account.name, upstream: account.submission.smtp.host };
    const level = traceDialogue ? 'trace' : account.debug === true ? 'info' : undefined;
    const dialogue =
      level && ((line: string, session?: string) => logger[level]({ session, ...fields }, line));
    const startedAt = clock.monotonic();
    this.opening++;
    this.#options.turnstile.connections++;
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
        home: this.#home,
      });
      this.#home.begun(session);
      return session;
    } catch (error) {
      figures.loginsFailed++;
      this.#options.turnstile.connections--;
      throw error;
    } finally {
      this.opening--;
    }
  }
}
