/** The one line that the log has for each message of a client's session, whatever became of it, and what counts it. */
import type { AppError } from '../core/errors.js';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { type Reply, replyText } from '../protocol/smtp/reply.js';
import type { MessageCounts, RelayFigures } from './figures.js';

/** What became of a message that was begun. */
export interface MessageResult {
  /** What the client was told. */
  readonly reply: Reply;
  /** Recipients that the upstream accepted. */
  readonly recipients?: number;
  /** As sent upstream: dot-stuffed, with the end mark. */
  readonly octets?: number;
  readonly cause?: AppError | undefined;
}

export interface MessageFacts extends MessageResult {
  /** Undefined when no account was found for the sender. */
  readonly account: string | undefined;
  readonly from: string;
  /** From MAIL to the last reply. */
  readonly ms: number;
}

interface MessageLogOptions {
  readonly clock: Clock;
  readonly figures: RelayFigures;
  readonly logger: Logger;
}

export class MessageLog {
  readonly #options: MessageLogOptions;
  readonly #session: string;
  #from = '';
  /** Milliseconds of `clock.monotonic()`. */
  #beganAt = 0;
  /** Begins with the last account and sender, which in most sessions are the next one's, too. */
  #ofSender: Logger | undefined;
  #counts: MessageCounts | undefined;
  #account: string | undefined;

  /** @param session its id */
  constructor(options: MessageLogOptions, session: string) {
    this.#options = options;
    this.#session = session;
  }

  /** MAIL was said. @returns when, in milliseconds of `clock.monotonic()` */
  begin(from: string): number {
    if (from !== this.#from) this.#ofSender = undefined;
    this.#from = from;
    return (this.#beganAt = this.#options.clock.monotonic());
  }

  /** Written out, not spread: it is on the path of every message, and spreading costs a tenth of all the relay does. */
  enter(account: string | undefined, { recipients, octets, reply, cause }: MessageResult): void {
    const { clock, figures } = this.#options;
    const logger = this.#for(account);
    const counts = (this.#counts ??= figures.countsOf(account));
    const text = replyText(reply);
    const ms = this.#elapsedMs();
    figures.messages.add(ms);
    figures.remember(clock.now(), { account, from: this.#from, recipients, octets, reply, cause, ms });
    if (reply.code < 300) {
      counts.sent++;
      counts.octets += octets ?? 0;
      logger.info({ recipients, bytes: octets, reply: text, ms }, 'message sent');
      return;
    }
    if (reply.code < 500) counts.deferred++;
    else counts.refused++;
    logger.warn(
      { recipients, bytes: octets, reply: text, cause: cause?.message, hint: cause?.hint, ms },
      reply.code < 500 ? 'message deferred' : 'message refused',
    );
  }

  /** The client was gone before the message had ended; nobody was told anything. */
  cutOff(account: string): void {
    this.#options.figures.countsOf(account).cutOff++;
    this.#for(account).warn({ ms: this.#elapsedMs() }, 'message cut off by the client, and not sent');
  }

  #elapsedMs(): number {
    return Math.round(this.#options.clock.monotonic() - this.#beganAt);
  }

  #for(account: string | undefined): Logger {
    if (this.#ofSender === undefined || account !== this.#account) {
      this.#ofSender = this.#options.logger.with({ session: this.#session, account, from: this.#from });
      this.#counts = undefined;
      this.#account = account;
    }
    return this.#ofSender;
  }
}
