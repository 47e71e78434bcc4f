/**
 * A clock that stands still until a test moves it. Timers fire in their order while it moves; file and process
 * work goes on in real time, so a test that waits for that uses `eventually` or the promise itself.
 */
import { stat } from 'node:fs/promises';
import type { Clock, Timer } from '../../src/core/clock.js';

interface Pending {
  readonly at: number;
  readonly fire: () => void;
}

export class VirtualClock implements Clock {
  #now: number;
  readonly #start: number;
  readonly #pending = new Set<Pending>();

  /** The real time by default, because files that a test writes are dated with it. */
  constructor(start = Date.now()) {
    this.#now = start;
    this.#start = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#start;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const pending = { at: this.#now + Math.max(0, delayMs), fire };
    this.#pending.add(pending);
    return { cancel: () => this.#pending.delete(pending) };
  }

  /** Milliseconds until the next timer; undefined when there is none. */
  get nextTimerMs(): number | undefined {
    const next = this.#next();
    return next && next.at - this.#now;
  }

  /** Moves by `ms`, firing what falls due, and lets promises run after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (let next = this.#next(); next && next.at <= end; next = this.#next()) {
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#now = end;
  }

  /** Moves by `stepMs` again and again until `promise` settles; file work gets its turn in between. */
  async advanceUntil<T>(promise: Promise<T>, stepMs: number): Promise<T> {
    const settled = promise.then(
      () => true,
      () => true,
    );
    do await this.advance(stepMs);
    while (!(await Promise.race([settled, stat('.').then(() => false)])));
    return promise;
  }

  /** Moves without firing, as when a machine sleeps. */
  leap(ms: number): void {
    this.#now += ms;
  }

  #next(): Pending | undefined {
    return [...this.#pending].toSorted((one, other) => one.at - other.at)[0];
  }
}
