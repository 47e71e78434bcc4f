/**
 * Work that is done a few at a time and the rest in turn. Where too much waits, or for too long, it is not done at all:
 * a flood may neither fill the memory nor keep clients waiting that will not be there any more.
 */
import type { Clock } from '../core/clock.js';

export interface TurnLimits {
  readonly atOnce: number;
  readonly waiting: number;
  /** How long work may wait; unlimited by default. */
  readonly patience?: { readonly clock: Clock; readonly ms: number };
}

export class Turns {
  readonly #limits: TurnLimits;
  #running = 0;
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>();

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** @param giveUp makes the error for work that is not done */
  async run<T>(work: () => Promise<T>, giveUp: () => Error): Promise<T> {
    const { atOnce, waiting } = this.#limits;
    if (this.#running < atOnce) this.#running++;
    else if (this.#waiting.size >= waiting) throw giveUp();
    else await this.#turn(giveUp);
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      // The place is handed over, so that nobody comes in between.
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #turn(giveUp: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const { patience } = this.#limits;
      const timer = patience?.clock.setTimer(patience.ms, () => {
        this.#waiting.delete(begin);
        reject(giveUp());
      });
      const begin = () => {
        this.#waiting.delete(begin);
        timer?.cancel();
        resolve();
      };
      this.#waiting.add(begin);
    });
  }
}
