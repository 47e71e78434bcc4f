/**
 * Replies to a client in the order of its commands (RFC 2920, 3.2), whatever the order in which they become
 * known. Replies that become known together leave in one write.
 */
import { formatReply, type Reply } from '../protocol/smtp/reply.js';

export type Respond = (reply: Reply) => void;

export class ReplyQueue {
  readonly #write: (text: string) => void;
  readonly #slots: { text: string | undefined }[] = [];
  #flushing = false;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Commands that have no reply yet, or one that waits for an earlier one. */
  get pending(): number {
    return this.#slots.length;
  }

  /** Takes the place of the next command; its reply is due exactly once. */
  reserve(): Respond {
    const slot: { text: string | undefined } = { text: undefined };
    this.#slots.push(slot);
    return (reply) => {
      slot.text = formatReply(reply);
      if (this.#slots[0] === slot) this.#flushSoon();
    };
  }

  /** Writes what is ready now, for a caller that closes the connection next. */
  flush(): void {
    let count = 0;
    let text = '';
    for (const slot of this.#slots) {
      if (slot.text === undefined) break;
      text += slot.text;
      count++;
    }
    this.#slots.splice(0, count);
    if (text !== '') this.#write(text);
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.flush();
    });
  }
}
