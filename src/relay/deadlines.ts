/**
 * Time-outs of many connections with one timer. Each connection says when it has waited long enough; looking
 * once a second is exact enough for limits of minutes, and moving a deadline costs nothing.
 */
import type { Clock, Timer } from '../core/clock.js';

const tickMs = 1000;

export interface Expiring {
  /** Milliseconds of `clock.monotonic()`; Infinity while nothing is awaited. */
  readonly deadlineAt: number;
  expire(): void;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #watched = new Set<Expiring>();
  #timer: Timer | undefined;
  /** The time at the last look, which is at most one tick ago: reading the clock for each octet would cost more. */
  #lookedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The moment `delayMs` from now, or up to one tick later. */
  in(delayMs: number): number {
    if (this.#timer === undefined) this.#lookedAt = this.#clock.monotonic();
    return this.#lookedAt + tickMs + delayMs;
  }

  watch(connection: Expiring): void {
    this.#watched.add(connection);
    if (this.#timer === undefined) this.#lookLater(this.#clock.monotonic());
  }

  unwatch(connection: Expiring): void {
    this.#watched.delete(connection);
    if (this.#watched.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    const now = this.#clock.monotonic();
    // One that ends may end another.
    for (const connection of [...this.#watched])
      if (this.#watched.has(connection) && connection.deadlineAt <= now) connection.expire();
    this.#timer = undefined;
    if (this.#watched.size > 0) this.#lookLater(now);
  }

  #lookLater(now: number): void {
    this.#lookedAt = now;
    this.#timer = this.#clock.setTimer(tickMs, () => this.#look());
  }
}
