/**
 * The text of one message on its way up, from the 354 to the reply to its end. Once there is a reason not to send it
 * (it is unsafe, too large, refused early, or the session is lost) nothing more goes up, and the client, which may
 * only be answered at the end of its message, is told then. The first reason counts.
 */
import type { AppError } from '../core/errors.js';
import type { BodyEvent } from '../protocol/smtp/server.js';
import type { Reply } from '../protocol/smtp/reply.js';
import { MessageSize } from './message-size.js';
import { replyForUnsafeBody } from './policy.js';
import type { ReplyPlace } from './reply-queue.js';
import type { DueReply, UpstreamSession } from './upstream.js';

export interface Outcome {
  readonly reply: Reply;
  readonly cause: AppError | undefined;
}

export class MessagePassage {
  readonly #upstream: UpstreamSession;
  readonly #size: MessageSize;
  readonly #ended: (outcome: Outcome) => void;
  #octets = 0;
  #stopped: Outcome | undefined;
  #place: ReplyPlace | undefined;

  /**
   * @param mostOctets of a message, by our own limit
   * @param ended called once, when the client has been told
   */
  constructor(upstream: UpstreamSession, mostOctets: number, ended: (outcome: Outcome) => void) {
    this.#upstream = upstream;
    this.#size = new MessageSize(mostOctets, upstream.mostOctets);
    this.#ended = ended;
  }

  /** Octets that were sent on. */
  get octets(): number {
    return this.#octets;
  }

  /** Its end was sent, and the reply to that is due. */
  get isComplete(): boolean {
    return this.#place !== undefined;
  }

  /** Sends a part on; with the last come the client's place for the reply, and who takes the upstream's. */
  add(part: BodyEvent, place: ReplyPlace | undefined, end: DueReply | undefined): void {
    if (this.#stopped === undefined) {
      const refusal = part.unsafe ? replyForUnsafeBody() : this.#size.add(part);
      if (refusal !== undefined) this.refuse(refusal);
    }
    if (this.#stopped !== undefined) {
      if (place !== undefined) this.#tell(place, this.#stopped);
      return;
    }
    this.#octets += part.octets;
    this.#place = place;
    this.#upstream.message(part, end);
  }

  /** It is not to be sent: the session is cut, so that the upstream never sees the end of what it has. */
  refuse(reply: Reply): void {
    this.#upstream.destroy();
    this.stop({ reply, cause: undefined });
  }

  /** The session is lost. */
  stop(outcome: Outcome): void {
    this.#stopped ??= outcome;
    if (this.#place !== undefined) this.#tell(this.#place, this.#stopped);
  }

  /** The upstream's word on the whole of it. */
  answered(reply: Reply): void {
    if (this.#place !== undefined) this.#tell(this.#place, { reply, cause: undefined });
  }

  #tell(place: ReplyPlace, outcome: Outcome): void {
    this.#place = undefined;
    place.answer(outcome.reply);
    this.#ended(outcome);
  }
}
