/**
 * What a client is told at a limit, and the count of what one session has done so far. Limits on connections are
 * connection-gate.ts's, those on time client-time.ts's, that on the size of a message message-size.ts's.
 */
import type { RelayLimits } from '../config/limits.js';
import type { LogFields } from '../core/logger.js';
import { makeReply, type Reply, replyText } from '../protocol/smtp/reply.js';
import type { FloodLog } from '../core/flood-log.js';

export const tooManyConnections = makeReply(421, '3.2', 'Too many connections, try again later');
export const tooManyFromOneAddress = makeReply(
  421,
  '7.0',
  'Too many connections from your address, try again later',
);
/** RFC 5321, 3.1. */
export const notAdmitted = makeReply(554, '7.1', 'Your address may not connect here');
export const tooManyErrors = makeReply(421, '7.0', 'Too many errors');
const tooManyMessages = makeReply(421, '7.0', 'Too many messages on one connection, connect again');
/** RFC 5321, 4.5.3.1.10. */
const tooManyRecipients = makeReply(452, '5.3', 'Too many recipients, send the message again for the rest');

/** RFC 1870, 6.1 and 6.3. */
export function tooLarge(mostOctets: number): Reply {
  return makeReply(552, '3.4', `The message is larger than the ${mostOctets} octets that it may have`);
}

/** What is logged of it: the reply tells which limit it was. */
export function logLimit(floodLog: FloodLog, reply: Reply, fields: LogFields): void {
  floodLog.log('warn', fields, `limit reached: ${replyText(reply)}`);
}

export class SessionTally {
  readonly #limits: RelayLimits;
  #messages = 0;
  #recipients = 0;
  #errors = 0;

  constructor(limits: RelayLimits) {
    this.#limits = limits;
  }

  /** The reply to one MAIL too many; the session is to end with it. */
  mail(): Reply | undefined {
    this.#recipients = 0;
    return ++this.#messages > this.#limits.messagesPerSession ? tooManyMessages : undefined;
  }

  /** The reply to one RCPT too many; those before it stand. */
  rcpt(): Reply | undefined {
    return ++this.#recipients > this.#limits.recipientsPerMessage ? tooManyRecipients : undefined;
  }

  /** True for the error that is the last. */
  error(): boolean {
    return ++this.#errors >= this.#limits.errorsPerSession;
  }
}
