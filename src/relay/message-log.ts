/** The one line that the log has for each message, whatever became of it. */
import type { AppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { type Reply, replyText } from '../protocol/smtp/reply.js';

export interface SenderFacts {
  readonly session: string;
  /** Undefined when no account was found for the sender. */
  readonly account: string | undefined;
  readonly from: string;
  /** From MAIL to the last reply. */
  readonly ms: number;
}

/** What became of a message that was begun. */
export interface MessageResult {
  readonly reply: Reply;
  readonly recipients: number;
  readonly octets: number;
  readonly cause: AppError | undefined;
}

export interface MessageFacts extends SenderFacts {
  /** Recipients that the upstream accepted. */
  readonly recipients?: number;
  /** As sent upstream: dot-stuffed, with the end mark. */
  readonly octets?: number;
  /** What the client was told. */
  readonly reply: Reply;
  readonly cause?: AppError | undefined;
}

/** Written out, not spread: it is on the path of every message, and spreading costs a tenth of all the relay does. */
export function logMessage(logger: Logger, facts: MessageFacts): void {
  const { session, account, from, recipients, octets, reply, cause, ms } = facts;
  const text = replyText(reply);
  if (reply.code < 300) {
    logger.info({ session, account, from, recipients, bytes: octets, reply: text, ms }, 'message sent');
    return;
  }
  logger.warn(
    {
      session,
      account,
      from,
      recipients,
      bytes: octets,
      reply: text,
      cause: cause?.message,
      hint: cause?.hint,
      ms,
    },
    reply.code < 500 ? 'message deferred' : 'message refused',
  );
}

/** The client was gone before the message had ended; nobody was told anything. */
export function logCutOff(logger: Logger, facts: SenderFacts): void {
  logger.warn({ ...facts }, 'message cut off by the client, and not sent');
}
