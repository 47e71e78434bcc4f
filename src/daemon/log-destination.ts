/**
 * Where JSON log lines go: collected, and written to a descriptor in the background, so that neither a slow reader
 * of the log nor one that is gone ever holds up mail. What a reader that has stopped leaves unread is bounded; lines
 * beyond that are dropped. (sonic-boom, pino's own, does not end when its reader is gone.)
 */
import { write, writeSync } from 'node:fs';
import { type Clock, type Timer } from '../core/clock.js';

const enoughOctets = 65_536;
const longestWaitMs = 100;
/** Of memory that is touched only as far as lines need it. */
const mostOctets = 1_048_576;
/** A character takes at most so many octets of UTF-8. */
const octetsPerCharacter = 3;

export class LogDestination {
  readonly #descriptor: number;
  readonly #clock: Clock;
  /** Each line is encoded as it comes: encoding many in one piece would first have to join them. */
  #lines: Buffer = Buffer.allocUnsafeSlow(mostOctets);
  #octets = 0;
  /** The other half of the pair; undefined while it is being written. */
  #spare: Buffer | undefined = Buffer.allocUnsafeSlow(mostOctets);
  #timer: Timer | undefined;

  constructor(descriptor: number, clock: Clock) {
    this.#descriptor = descriptor;
    this.#clock = clock;
  }

  /** A line at a time, with its newline. */
  write(line: string): void {
    if (this.#octets + line.length * octetsPerCharacter > mostOctets) return;
    this.#octets += this.#lines.write(line, this.#octets);
    this.#flushInTime();
  }

  /** Writes out what is left, for the end of the process. */
  flushSync(): void {
    try {
      if (this.#octets > 0) writeSync(this.#descriptor, this.#lines, 0, this.#octets);
    } catch {
      // Whoever read the log is gone; nobody is left to tell.
    }
    this.#octets = 0;
  }

  /** Many lines in one write: each wakes a thread, and under load one for each message would cost as much as it. */
  #flushInTime(): void {
    if (this.#octets >= enoughOctets) this.#flush();
    else this.#timer ??= this.#clock.setTimer(longestWaitMs, () => this.#flush(), { unref: true });
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#spare === undefined || this.#octets === 0) return;
    const full = this.#lines;
    const octets = this.#octets;
    this.#lines = this.#spare;
    this.#octets = 0;
    this.#spare = undefined;
    this.#send(full, 0, octets);
  }

  #send(buffer: Buffer, from: number, to: number): void {
    write(this.#descriptor, buffer, from, to - from, null, (error, written) => {
      if (error?.code === 'EAGAIN') {
        this.#clock.setTimer(longestWaitMs, () => this.#send(buffer, from, to), { unref: true });
      } else if (error === null && from + written < to) {
        this.#send(buffer, from + written, to);
      } else {
        this.#spare = buffer;
        if (this.#octets > 0) this.#flushInTime();
      }
    });
  }
}
