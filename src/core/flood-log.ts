/**
 * Lines of the log that a flood would repeat: the first at once, then one in ten seconds that says how often it
 * happened in them (`times`). Nothing is left out of the count, and lines of other words do not wait.
 */
import type { Clock, Timer } from './clock.js';
import type { LogFields, Logger } from './logger.js';

const restMs = 10_000;

type Level = 'warn' | 'error';

interface Line {
  readonly level: Level;
  /** Of the latest. */
  fields: LogFields;
  readonly message: string;
}

interface Resting extends Line {
  readonly timer: Timer;
  times: number;
}

export class FloodLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #resting = new Map<string, Resting>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /**
   * `message` tells the lines apart, so what differs from time to time belongs into `fields`.
   * @param source where one source of such lines shall not hide another
   */
  log(level: Level, fields: LogFields, message: string, source = ''): void {
    const key = `${message} ${source}`;
    const resting = this.#resting.get(key);
    if (resting === undefined) {
      this.#write(key, { level, fields, message });
    } else {
      resting.times++;
      resting.fields = fields;
    }
  }

  /** Writes what waits; nothing is kept running. */
  close(): void {
    for (const { level, timer, times, fields, message } of this.#resting.values()) {
      timer.cancel();
      if (times > 0) this.#logger[level]({ ...fields, times }, message);
    }
    this.#resting.clear();
  }

  #write(key: string, line: Line): void {
    this.#logger[line.level](line.fields, line.message);
    const timer = this.#clock.setTimer(restMs, () => this.#rested(key), { unref: true });
    this.#resting.set(key, { ...line, timer, times: 0 });
  }

  #rested(key: string): void {
    const resting = this.#resting.get(key);
    this.#resting.delete(key);
    if (resting === undefined || resting.times === 0) return;
    const { level, times, fields, message } = resting;
    this.#write(key, { level, fields: { ...fields, times }, message });
  }
}
