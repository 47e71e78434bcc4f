/**
 * What may be refreshed of the accounts of one provider, client id or host, and when: how full its minutes are, how many
 * requests are under way, and what they are to be apart.
 */

/** So many a minute are never too many, however few the accounts. */
const leastPerMinute = 60;
/** Of what all accounts together take on average: what the calendar fills a minute with, and what it can never exceed. */
const bookedShare = 1.5;
const limitShare = 1.8;
/** However small the share of a machine, so much of that is its own: enough for all accounts if it is left alone. */
const aloneShare = 2 / 3;
/** At once, after a time without any. */
const burst = 20;
const mostAtOnce = 32;
/** Some room is left for what messages wait for. */
const mostInBackground = 24;
export const minuteMs = 60_000;
/** How far back the calendar looks for a minute with room. */
const mostMinutesEarlier = 120;

/** What this machine may do of it. */
export interface Limits {
  readonly leastPerMinute: number;
  readonly bookedShare: number;
  readonly limitShare: number;
  readonly burst: number;
  readonly mostAtOnce: number;
  readonly mostInBackground: number;
}

/** @param share of the limits that is this machine's, in (0, 1] */
export function limitsOf(share: number): Limits {
  const alone = (whole: number) => whole * Math.max(share, aloneShare);
  const part = (whole: number) => Math.max(1, Math.round(whole * share));
  return {
    leastPerMinute: leastPerMinute * share,
    bookedShare: alone(bookedShare),
    limitShare: alone(limitShare),
    burst: part(burst),
    mostAtOnce: part(mostAtOnce),
    mostInBackground: part(mostInBackground),
  };
}

/** Of one provider, client id or host. */
export class Budget {
  readonly #limits: Limits;
  /** What its accounts take on average. */
  perMinute = 0;
  active = 0;
  /** When all that was begun is paid for, at the limit's rate; by the clock that never goes back. */
  paidAt = -Infinity;
  /** Booked, by minutes since the epoch. */
  readonly minutes = new Map<number, number>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** How full a minute is; 1: no more shall be booked. */
  fill(minute: number): number {
    const { bookedShare: share, leastPerMinute: least } = this.#limits;
    const most = Math.max(least, share * this.perMinute);
    return (this.minutes.get(minute) ?? 0) / most;
  }

  add(minute: number, count: 1 | -1): void {
    const booked = (this.minutes.get(minute) ?? 0) + count;
    if (booked > 0) this.minutes.set(minute, booked);
    else this.minutes.delete(minute);
  }

  get spacingMs(): number {
    const { leastPerMinute: least, limitShare: share } = this.#limits;
    return minuteMs / Math.max(least, share * this.perMinute);
  }

  spend(now: number): void {
    this.paidAt = Math.max(this.paidAt, now) + this.spacingMs;
    this.active++;
  }

  /** The next may begin then. */
  get freeAt(): number {
    return this.paidAt - (this.#limits.burst - 1) * this.spacingMs;
  }
}

/** `dueAt`, or a time in the last minute before it that has room; where none has, in the one with the most. */
export function chooseTime(
  budgets: readonly Budget[],
  earliest: number,
  dueAt: number,
  random: () => number,
): number {
  const last = Math.floor(dueAt / minuteMs);
  const first = Math.max(Math.floor(earliest / minuteMs), last - mostMinutesEarlier);
  let [best, least] = [last, Infinity];
  for (let minute = last; minute >= Math.min(first, last); minute--) {
    let fill = 0;
    for (const budget of budgets) fill = Math.max(fill, budget.fill(minute));
    if (fill < least) [best, least] = [minute, fill];
    if (fill < 1) break;
  }
  if (best === last) return dueAt;
  return Math.min(dueAt, Math.max(earliest, (best + random()) * minuteMs));
}
