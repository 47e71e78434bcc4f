/**
 * Lines of the log that a flood would repeat: the first at once, then one in ten seconds that says how often it
 * happened in them (`times`). Nothing is left out of the count, and lines of other words do not wait.
 */
import type { Clock, Timer } from '../core/clock.js';
import type { LogFields, Logger } from '../core/logger.js';

const restMs = 10_000;

type Level = 'warn' | 'error';

interface Resting {
  readonly level: Level;
  readonly timer: Timer;
  times: number;
  /** Of the latest. */
  fields: LogFields;
}

export class FloodLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #resting = new Map<string, Resting>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** `message` tells the lines apart, so what differs from time to time belongs into `fields`. */
  log(level: Level, fields: LogFields, message: string): void {
    const resting = this.#resting.get(message);
    if (resting === undefined) {
      this.#write(level, fields, message);
    } else {
      resting.times++;
      resting.fields = fields;
    }
  }

  /** Writes what waits; nothing is kept running. */
  close(): void {
    for (const [message, { level, timer, times, fields }] of this.#resting) {
      timer.cancel();
      if (times > 0) this.#logger[level]({ ...fields, times }, message);
    }
    this.#resting.clear();
  }

  #write(level: Level, fields: LogFields, message: string): void {
    this.#logger[level](fields, message);
    const timer = this.#clock.setTimer(restMs, () => this.#rested(message), { unref: true });
    this.#resting.set(message, { level, timer, times: 0, fields });
  }

  #rested(message: string): void {
    const resting = this.#resting.get(message);
    this.#resting.delete(message);
    if (resting === undefined || resting.times === 0) return;
    const { level, times, fields } = resting;
    this.#write(level, { ...fields, times }, message);
  }
}
