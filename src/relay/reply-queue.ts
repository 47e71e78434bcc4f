/**
 * Replies to a client in the order of its commands (RFC 2920, 3.2), whatever the order in which they become
 * known. Replies that become known together leave in one write.
 */
import type { Reply } from '../protocol/smtp/reply.js';
import { wireFor } from './policy.js';
import { atTurnEnd } from './turn-end.js';

/** The place of a command among the replies; its reply is due exactly once. */
export interface ReplyPlace {
  answer(reply: Reply): void;
}

export class ReplyQueue {
  /** The id of the client's session. */
  readonly session: string;
  readonly #places: Place[] = [];
  readonly #flush: () => void;
  #flushing = false;

  /** @param write gets all that is ready at the end of a turn of the event loop. */
  constructor(session: string, write: (text: string) => void) {
    this.session = session;
    this.#flush = () => {
      this.#flushing = false;
      write(this.#takeReady());
    };
  }

  /** Commands that have no reply yet, or one that waits for an earlier one. */
  get pending(): number {
    return this.#places.length;
  }

  /** Takes the place of the next command. */
  reserve(): ReplyPlace {
    const place = new Place(this);
    this.#places.push(place);
    return place;
  }

  /** Called by a place that has its reply now. */
  answered(place: Place): void {
    if (this.#flushing || this.#places[0] !== place) return;
    this.#flushing = true;
    atTurnEnd(this.#flush);
  }

  #takeReady(): string {
    let text = '';
    for (let first = this.#places[0]; first?.text !== undefined; first = this.#places[0]) {
      text += first.text;
      this.#places.shift();
    }
    return text;
  }
}

class Place implements ReplyPlace {
  readonly #queue: ReplyQueue;
  text: string | undefined;

  constructor(queue: ReplyQueue) {
    this.#queue = queue;
  }

  answer(reply: Reply): void {
    this.text = wireFor(reply, this.#queue.session);
    this.#queue.answered(this);
  }
}
