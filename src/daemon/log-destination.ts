/**
 * Where JSON log lines go: collected, and written to a descriptor in the background, so that neither a slow reader
 * of the log nor one that is gone ever holds up mail. What a reader that has stopped leaves unread is bounded; lines
 * beyond that are dropped. (sonic-boom, pino's own, does not end when its reader is gone.)
 */
import { write, writeSync } from 'node:fs';
import { type Clock, type Timer } from '../core/clock.js';

const enoughOctets = 65_536;
const longestWaitMs = 100;
const mostOctets = 1_048_576;

export class LogDestination {
  readonly #descriptor: number;
  readonly #clock: Clock;
  #lines = '';
  #writing = '';
  #timer: Timer | undefined;

  constructor(descriptor: number, clock: Clock) {
    this.#descriptor = descriptor;
    this.#clock = clock;
  }

  /** Called by pino, a line at a time. */
  write(line: string): void {
    if (this.#lines.length + line.length > mostOctets) return;
    this.#lines += line;
    this.#flushInTime();
  }

  /** Writes out what is left, for the end of the process. */
  flushSync(): void {
    try {
      if (this.#lines !== '') writeSync(this.#descriptor, this.#lines);
    } catch {
      // Whoever read the log is gone; nobody is left to tell.
    }
    this.#lines = '';
  }

  /** Many lines in one write: each wakes a thread, and under load one for each message would cost as much as it. */
  #flushInTime(): void {
    if (this.#lines.length >= enoughOctets) this.#flush();
    else this.#timer ??= this.#clock.setTimer(longestWaitMs, () => this.#flush(), { unref: true });
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#writing !== '' || this.#lines === '') return;
    this.#writing = this.#lines;
    this.#lines = '';
    this.#send(Buffer.from(this.#writing));
  }

  #send(octets: Buffer): void {
    write(this.#descriptor, octets, (error, written) => {
      if (error?.code === 'EAGAIN') {
        this.#clock.setTimer(longestWaitMs, () => this.#send(octets), { unref: true });
      } else if (error === null && written < octets.length) {
        this.#send(octets.subarray(written));
      } else {
        this.#writing = '';
        if (this.#lines !== '') this.#flushInTime();
      }
    });
  }
}
