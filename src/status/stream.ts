/**
 * Server-sent events: what each browser that looks asked for, as it is now, whenever it has changed. What all of them
 * see is looked up once for all, and what several asked for is written once.
 */
import type { Writable } from 'node:stream';
import type { Clock, Timer } from '../core/clock.js';

const everyMs = 2_000;
/** Browsers at once; each is a connection that stays. */
const mostViewers = 20;

export interface View<Moment> {
  /** The same for the same view. */
  readonly key: string;
  show(moment: Moment): string;
}

interface Watched<Moment> extends View<Moment> {
  readonly viewers: Set<Writable>;
  last: string;
}

export class EventStream<Moment> {
  readonly #clock: Clock;
  readonly #look: () => Moment;
  readonly #views = new Map<string, Watched<Moment>>();
  #viewers = 0;
  #timer: Timer | undefined;

  /** @param look at what there is to show; asked only while somebody looks */
  constructor(clock: Clock, look: () => Moment) {
    this.#clock = clock;
    this.#look = look;
  }

  /** False when too many look already. */
  add(response: Writable, view: View<Moment>): boolean {
    if (this.#viewers >= mostViewers) return false;
    const now = view.show(this.#look());
    const watched = this.#views.get(view.key) ?? { ...view, viewers: new Set(), last: now };
    this.#views.set(view.key, watched);
    watched.viewers.add(response);
    this.#viewers++;
    response.on('close', () => {
      this.#viewers--;
      watched.viewers.delete(response);
      if (watched.viewers.size === 0) this.#views.delete(view.key);
    });
    response.write(eventOf(now));
    if (this.#timer === undefined) this.#later();
    return true;
  }

  close(): void {
    this.#timer?.cancel();
    for (const { viewers } of this.#views.values()) for (const viewer of viewers) viewer.end();
  }

  #later(): void {
    this.#timer = this.#clock.setTimer(everyMs, () => this.#tell(), { unref: true });
  }

  #tell(): void {
    this.#timer = undefined;
    if (this.#viewers === 0) return;
    const moment = this.#look();
    for (const watched of this.#views.values()) {
      const now = watched.show(moment);
      if (now === watched.last) continue;
      watched.last = now;
      const event = eventOf(now);
      // Who does not read gets nothing more, rather than being remembered for.
      for (const viewer of watched.viewers) if (!viewer.writableNeedDrain) viewer.write(event);
    }
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
