/**
 * Octets that go out one at a time, each not before everything else in the process had its turn: a slow network
 * without waiting.
 */
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

/** Writes at once, until `begin`; from then on, octet by octet until all that was written has gone. */
export class SlowWriter {
  readonly #write: (text: string) => void;
  readonly #after: (() => void)[] = [];
  #waiting = '';
  #slow = false;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  get isSlow(): boolean {
    return this.#slow;
  }

  begin(): void {
    this.#slow = true;
  }

  end(): void {
    this.#slow = false;
  }

  /** @param then called when the last octet of it has gone */
  write(text: string, then?: () => void): void {
    if (!this.#slow) {
      this.#write(text);
      then?.();
      return;
    }
    const idle = this.#waiting === '';
    this.#waiting += text;
    if (then !== undefined) this.#after.push(then);
    if (idle) setImmediate(() => this.#drip());
  }

  #drip(): void {
    this.#write(this.#waiting[0]!);
    this.#waiting = this.#waiting.slice(1);
    if (this.#waiting !== '') {
      setImmediate(() => this.#drip());
      return;
    }
    this.#slow = false;
    for (const then of this.#after.splice(0)) then();
  }
}

/** A socket whose first octets go out one at a time, as far as a TLS handshake reaches; then it keeps up. */
export class DrippingStream extends Duplex {
  readonly #socket: Socket;
  #left = 400;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#left <= 0 || chunk.length === 0) {
      this.#socket.write(chunk, done);
      return;
    }
    this.#left--;
    this.#socket.write(chunk.subarray(0, 1));
    setImmediate(() => this._write(chunk.subarray(1), _encoding, done));
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
