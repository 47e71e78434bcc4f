/** Server-sent events: the page as it is now, to each browser that looks, whenever it has changed. */
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../core/clock.js';

const everyMs = 2_000;
/** Browsers at once; each is a connection that stays. */
const mostViewers = 20;

export class EventStream {
  readonly #clock: Clock;
  readonly #read: () => string;
  readonly #viewers = new Set<ServerResponse>();
  #timer: Timer | undefined;
  #last = '';

  /** @param read what to show; asked only while somebody looks */
  constructor(clock: Clock, read: () => string) {
    this.#clock = clock;
    this.#read = read;
  }

  /** False when too many look already. */
  add(response: ServerResponse): boolean {
    if (this.#viewers.size >= mostViewers) return false;
    this.#viewers.add(response);
    response.on('close', () => this.#viewers.delete(response));
    response.write(eventOf(this.#read()));
    if (this.#timer === undefined) this.#later();
    return true;
  }

  close(): void {
    this.#timer?.cancel();
    for (const viewer of this.#viewers) viewer.end();
  }

  #later(): void {
    this.#timer = this.#clock.setTimer(everyMs, () => this.#tell(), { unref: true });
  }

  #tell(): void {
    this.#timer = undefined;
    if (this.#viewers.size === 0) return;
    const now = this.#read();
    // Who does not read gets nothing more, rather than being remembered for.
    if (now !== this.#last)
      for (const viewer of this.#viewers) if (!viewer.writableNeedDrain) viewer.write(eventOf(now));
    this.#last = now;
    this.#later();
  }
}

/** Each line of the data needs its own field. */
function eventOf(data: string): string {
  return `${data
    .split('\n')
    .map((line) => `data: ${line}\n`)
    .join('')}\n`;
}
