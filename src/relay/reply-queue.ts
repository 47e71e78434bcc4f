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
  /** Replies that may leave, and how many. Put together while they are at hand: with many clients they would not be later. */
  #ready = '';
  #readyCount = 0;

  /** @param write gets all that is ready at the end of a turn of the event loop. */
  constructor(session: string, write: (text: string) => void) {
    this.session = session;
    this.#flush = () => {
      const ready = this.#ready;
      this.#ready = '';
      this.#readyCount = 0;
      write(ready);
    };
  }

  /** Commands whose reply has not been written yet. */
  get pending(): number {
    return this.#places.length + this.#readyCount;
  }

  /** Takes the place of the next command. */
  reserve(): ReplyPlace {
    const place = new Place(this);
    this.#places.push(place);
    return place;
  }

  /** Called by a place that has its reply now. */
  answered(place: Place): void {
    if (this.#places[0] !== place) return;
    if (this.#readyCount === 0) atTurnEnd(this.#flush);
    for (let first = this.#places[0]; first?.text !== undefined; first = this.#places[0]) {
      this.#ready += first.text;
      this.#readyCount++;
      this.#places.shift();
    }
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
