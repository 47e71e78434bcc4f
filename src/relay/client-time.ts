/**
 * How long a client may take, stage by stage: it may be silent for so long where something is due, and the time
 * before EHLO and that of a whole transaction are limited however busy it is. It keeps no timer: `next` is the
 * deadline of a client that says nothing from now on.
 */
import type { RelayLimits } from '../config/limits.js';
import { formatDuration } from '../core/duration.js';
import type { Deadlines } from './deadlines.js';

export class ClientTime {
  readonly #limits: RelayLimits;
  readonly #deadlines: Deadlines;
  #inBody = false;
  /** Milliseconds of `clock.monotonic()`. */
  #stageEndsAt: number;

  constructor(limits: RelayLimits, deadlines: Deadlines) {
    this.#limits = limits;
    this.#deadlines = deadlines;
    this.#stageEndsAt = deadlines.in(limits.greetingSeconds * 1000);
  }

  /** EHLO was said, or a transaction has ended: what comes next has no end but silence. */
  free(): void {
    this.#stageEndsAt = Infinity;
    this.#inBody = false;
  }

  /** @param startedAt milliseconds of `clock.monotonic()` */
  transactionBegan(startedAt: number): void {
    this.#stageEndsAt = startedAt + this.#limits.transactionSeconds * 1000;
  }

  bodyBegan(): void {
    this.#inBody = true;
  }

  next(): number {
    return Math.min(this.#deadlines.in(this.#silenceSeconds() * 1000), this.#stageEndsAt);
  }

  /** What to tell a client whose time is up. */
  get verdict(): string {
    if (this.#stageEndsAt <= this.#deadlines.in(0)) return 'This took too long, closing the connection';
    return `Silent for ${formatDuration(this.#silenceSeconds())}, closing the connection`;
  }

  #silenceSeconds(): number {
    return this.#inBody ? this.#limits.dataSeconds : this.#limits.commandSeconds;
  }
}
