/** Messages of the last hour, minute by minute: looked up once a minute, so that no message has to know the time. */
import type { Clock, Timer } from '../core/clock.js';
import type { RelayFigures } from '../relay/figures.js';

export interface Minute {
  /** Its end. Milliseconds since the epoch. */
  readonly at: number;
  readonly sent: number;
  /** Deferred, refused or cut off. */
  readonly failed: number;
}

export const minutesKept = 60;
const minuteMs = 60_000;

export class History {
  readonly #clock: Clock;
  readonly #figures: RelayFigures;
  readonly #minutes: Minute[] = [];
  #before: Minute;
  #timer: Timer | undefined;

  constructor(figures: RelayFigures, clock: Clock) {
    this.#figures = figures;
    this.#clock = clock;
    this.#before = this.#now();
    this.#later();
  }

  /** Oldest first; the last one is still going on. */
  get minutes(): readonly Minute[] {
    return [...this.#minutes, this.#sinceBefore()];
  }

  close(): void {
    this.#timer?.cancel();
  }

  #later(): void {
    this.#timer = this.#clock.setTimer(
      minuteMs,
      () => {
        this.#minutes.push(this.#sinceBefore());
        if (this.#minutes.length >= minutesKept) this.#minutes.shift();
        this.#before = this.#now();
        this.#later();
      },
      { unref: true },
    );
  }

  #sinceBefore(): Minute {
    const now = this.#now();
    return { at: now.at, sent: now.sent - this.#before.sent, failed: now.failed - this.#before.failed };
  }

  #now(): Minute {
    let [sent, failed] = [0, 0];
    for (const counts of this.#figures.byAccount.values()) {
      sent += counts.sent;
      failed += counts.deferred + counts.refused + counts.cutOff;
    }
    return { at: this.#clock.now(), sent, failed };
  }
}
