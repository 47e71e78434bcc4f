/**
 * Commands and replies on their way to a socket, past the queue of its stream: for texts so short, the account that a
 * stream keeps of each `write` costs more than all else that Node does for them. `_write` is what `write` calls when
 * that queue is empty, and what every writable stream has; the end of the stream comes after what it took. While
 * there is a queue, and through TLS, which has one of its own, it is `write` here, too.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

export class QuickWriter {
  readonly #socket: Socket;
  readonly #drained: () => void;
  readonly #isQuick: boolean;
  /** Texts that the kernel has not taken whole. */
  #pending = 0;
  /** `drained` is due. */
  #isAwaited = false;

  /** @param drained called when all has left that was written, here or to the socket, and was too much at once. */
  constructor(socket: Socket, drained: () => void) {
    this.#socket = socket;
    this.#drained = drained;
    this.#isQuick = !(socket instanceof TLSSocket);
    socket.on('drain', () => this.#settle());
  }

  /** The kernel has all that was written. */
  get isIdle(): boolean {
    return this.#pending === 0 && this.#socket.writableLength === 0;
  }

  /** @returns false when `drained` is to be awaited. */
  write(text: string): boolean {
    if (!this.#isQuick || this.#socket.writableLength > 0) return this.#socket.write(text, 'latin1');
    this.#pending++;
    this.#socket._write(text, 'latin1', this.#taken);
    this.#isAwaited = this.#pending > 0;
    return !this.#isAwaited;
  }

  readonly #taken = (error?: Error | null): void => {
    this.#pending--;
    if (error) this.#socket.destroy(error);
    else if (this.#isAwaited) this.#settle();
  };

  #settle(): void {
    if (this.#pending > 0 || this.#socket.writableNeedDrain) return;
    this.#isAwaited = false;
    this.#drained();
  }
}
