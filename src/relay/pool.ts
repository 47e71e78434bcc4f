/**
 * Upstream sessions between messages. A session that has served a message is kept for the next one of the same
 * account, since a new one costs four round trips, a TLS handshake and an AUTH. Last in, first out: the
 * sessions that are not needed grow old and are closed.
 */
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { replyText } from '../protocol/smtp/reply.js';
import { AuthRefused } from '../protocol/smtp/client.js';
import type { LiveAccount } from '../refresh/token-source.js';
import type { Deadlines } from './deadlines.js';
import { logIn } from './login.js';
import { type UpstreamOwner, UpstreamSession } from './upstream.js';

/** Long enough for the next message of a burst, far below the idle limits of servers (RFC 5321: 5 minutes). */
const idleMs = 60_000;
/** A session is not reused this close to its token's end: Gmail cuts it there, perhaps in mid-message. */
const expiryMarginMs = 30_000;

export interface PoolOptions {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  readonly clientName: string;
  readonly traceDialogue: boolean;
}

export class UpstreamPool {
  readonly #options: PoolOptions;
  readonly #idle = new Map<string, UpstreamSession[]>();
  /** All of them, idle or not. */
  readonly #sessions = new Set<UpstreamSession>();
  readonly #closing = new AbortController();

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * A session that is ready for MAIL; the caller owns it until `release`. Throws AppError: token trouble from
   * the token source, upstream trouble from the session.
   * @param fresh never one that was used before
   */
  async acquire(live: LiveAccount, fresh = false): Promise<UpstreamSession> {
    const idle = fresh ? undefined : this.#takeIdle(live);
    return idle ?? this.#open(live);
  }

  /** Takes a session back, after a transaction that has ended or (`reset`) one that was broken off. */
  release(session: UpstreamSession, reset: boolean): void {
    if (!session.isAlive) return;
    session.owner = idleOwner(session);
    if (!reset) return this.#keep(session);
    session.command('rset', 'RSET\r\n', (reply) => {
      if (reply.code === 250) this.#keep(session);
      else session.destroy();
    });
  }

  /** Ends every session; those that are idle say good-bye, and attempts to open one are given up. */
  close(): void {
    this.#closing.abort();
    for (const session of [...this.#idle.values()].flat()) session.quit();
    for (const session of this.#sessions) session.destroy();
  }

  #takeIdle({ account }: LiveAccount): UpstreamSession | undefined {
    const sessions = this.#idle.get(account.name);
    for (let session = sessions?.pop(); session !== undefined; session = sessions?.pop()) {
      // Settings that have changed since make another account of it.
      if (session.account === account && this.#isUsable(session)) return session;
      session.quit();
    }
    this.#idle.delete(account.name);
    return undefined;
  }

  #isUsable(session: UpstreamSession): boolean {
    return session.token.expiresAt - expiryMarginMs > this.#options.clock.now();
  }

  #keep(session: UpstreamSession): void {
    if (!session.isAlive) return;
    if (this.#closing.signal.aborted || !this.#isUsable(session)) return session.quit();
    const { name } = session.account;
    const sessions = this.#idle.get(name) ?? [];
    sessions.push(session);
    this.#idle.set(name, sessions);
    session.idleUntil(this.#options.deadlines.in(idleMs));
  }

  #forget(session: UpstreamSession): void {
    this.#sessions.delete(session);
    const idle = this.#idle.get(session.account.name) ?? [];
    const index = idle.indexOf(session);
    if (index >= 0) idle.splice(index, 1);
  }

  async #open(live: LiveAccount): Promise<UpstreamSession> {
    const { clock, deadlines, clientName, logger, traceDialogue } = this.#options;
    const { signal } = this.#closing;
    const token = await live.tokens.accessToken();
    const { account } = live;
    const dialogue = traceDialogue
      ? (line: string) =>
          logger.trace({ account: account.name, upstream: account.submission.smtp.host }, line)
      : undefined;
    try {
      const login = await logIn({ account, token, clientName, clock, signal, dialogue });
      const onEnd = (ended: UpstreamSession) => this.#forget(ended);
      const session = new UpstreamSession(login, { account, token, deadlines, dialogue, onEnd });
      this.#sessions.add(session);
      return session;
    } catch (error) {
      if (error instanceof AuthRefused && error.blamesToken) {
        logger.warn(
          { account: account.name, reply: replyText(error.reply) },
          'the upstream refused the token',
        );
        live.tokens.reportRefused(token);
      }
      throw error;
    }
  }
}

/** Between messages a session has nothing to say. */
function idleOwner(session: UpstreamSession): UpstreamOwner {
  return {
    upstreamLost: () => undefined,
    upstreamSpoke: () => session.destroy(),
    upstreamDrained: () => undefined,
  };
}
