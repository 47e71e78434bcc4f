/**
 * At most so many events in any stretch of so many milliseconds: a sliding window, so that a limit of 30 a minute
 * is never 60 across the turn of a minute.
 */

export class RateWindow {
  /** Times of the last `limit` events, as a ring; undefined where there was none yet. */
  readonly #times: (number | undefined)[];
  readonly #windowMs: number;
  #next = 0;

  constructor(limit: number, windowMs: number) {
    this.#times = Array.from({ length: limit }, () => undefined);
    this.#windowMs = windowMs;
  }

  /** One of another limit, in which what was counted counts on. */
  withLimit(limit: number): RateWindow {
    const other = new RateWindow(limit, this.#windowMs);
    const inOrder = [...this.#times.slice(this.#next), ...this.#times.slice(0, this.#next)];
    for (const time of inOrder.slice(-limit)) if (time !== undefined) other.count(time);
    return other;
  }

  /** Milliseconds until another event is allowed; 0 when it is now. */
  delayMs(now: number): number {
    const oldest = this.#times[this.#next];
    return oldest === undefined ? 0 : Math.max(0, oldest + this.#windowMs - now);
  }

  /** Counts an event at `now`. */
  count(now: number): void {
    this.#times[this.#next] = now;
    this.#next = (this.#next + 1) % this.#times.length;
  }
}
