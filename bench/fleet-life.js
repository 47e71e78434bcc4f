// @ts-check
/**
 * The life of a fleet of accounts with a clock that is only counted: the schedule and the pace are the daemon's own, the
 * token endpoint answers after a fifth of a second, or fails while it is away. Time is a list of minutes, of which the
 * present one alone is kept in order, so that a thing to come costs the same however many there are.
 */

const minuteMs = 60_000;
const tokenLifeMs = 3_600_000;
const answerMs = 200;

/** @typedef {Pick<import('../src/refresh/pace.js').RefreshPace, 'enter'>} Pace */
/** Built or not. @typedef {new (clock: import('../src/core/clock.js').Clock, random: () => number) => Pace} PaceClass */
/** @typedef {{ readonly at: number, fire: (() => void) | undefined }} Pending */

export class CountedClock {
  #now = 0;
  /** @type {Map<number, Pending[]>} */
  #minutes = new Map();

  now() {
    return this.#now;
  }

  monotonic() {
    return this.#now;
  }

  /** @param {number} delayMs @param {() => void} fire */
  setTimer(delayMs, fire) {
    /** @type {Pending} */
    const pending = { at: this.#now + Math.max(0, delayMs), fire };
    const minute = Math.floor(pending.at / minuteMs);
    const list = this.#minutes.get(minute);
    if (list === undefined) this.#minutes.set(minute, [pending]);
    else list.push(pending);
    return { cancel: () => void (pending.fire = undefined) };
  }

  /** @param {number} end */
  runUntil(end) {
    for (let minute = Math.floor(this.#now / minuteMs); minute * minuteMs < end; minute++) {
      for (let list = this.#minutes.get(minute); list !== undefined; list = this.#minutes.get(minute)) {
        this.#minutes.delete(minute);
        this.#runMinute(list, minute);
      }
    }
    this.#now = end;
  }

  /** Second by second; what comes to be in this minute while it runs comes in its second. @param {Pending[]} list @param {number} minute */
  #runMinute(list, minute) {
    /** @type {Pending[][]} */
    const slots = Array.from({ length: 600 }, () => []);
    const sort = (/** @type {Pending[]} */ pending) => {
      for (const one of pending)
        slots[Math.min(599, Math.floor((one.at - minute * minuteMs) / 100))]?.push(one);
    };
    sort(list);
    for (const slot of slots) {
      for (let next = 0; next < slot.length; next++) {
        const one = slot[next];
        this.#now = Math.max(this.#now, one?.at ?? 0);
        one?.fire?.();
        const more = this.#minutes.get(minute);
        if (more !== undefined) {
          this.#minutes.delete(minute);
          sort(more);
        }
      }
    }
  }
}

/**
 * @param {object} options
 * @param {number} options.accounts
 * @param {number} options.hours
 * @param {'even' | 'together'} options.start The ages of the tokens at the start.
 * @param {readonly [from: number, to: number]} [options.outage] Hours.
 * @param {() => number} options.random
 * @param {PaceClass} options.RefreshPace
 * @param {Pick<typeof import('../src/refresh/schedule.js'), 'nextAttemptAt' | 'refreshDueAt'>} options.schedule
 */
export function liveFor({ accounts, hours, start, outage, random, RefreshPace, schedule }) {
  const clock = new CountedClock();
  // No time of a fleet is before the epoch.
  clock.runUntil(tokenLifeMs);
  const begin = clock.now();
  const end = begin + hours * 3_600_000;
  const pace = new RefreshPace(clock, random);
  const policy = { windowSeconds: 600, minimumLifetimeSeconds: 0 };
  const [from, to] = (outage ?? [Infinity, Infinity]).map((hour) => begin + hour * 3_600_000);
  const isAway = () => clock.now() >= (from ?? Infinity) && clock.now() < (to ?? Infinity);
  // What it has kept waiting is done within the life of a token.
  const isOfOutage = () => clock.now() >= (from ?? Infinity) && clock.now() < (to ?? Infinity) + tokenLifeMs;
  const perMinute = new Uint32Array(hours * 60 + 60);
  let [requests, late, atOnce, mostAtOnce] = [0, 0, 0, 0];
  const client = { clientId: 'client', tokenEndpoint: new URL('https://provider.example/token') };
  const account = /** @type {Parameters<Pace['enter']>[0]} */ (
    /** @type {unknown} */ ({ provider: { name: 'provider' }, client })
  );
  for (let number = 0; number < accounts; number++) {
    const place = pace.enter(account);
    let expiresAt = 0;
    let failures = 0;
    const wait = (/** @type {number} */ at) => place.turn(refresh, at);
    const hold = (/** @type {number} */ issuedAt) => {
      const life = { issuedAt, expiresAt: issuedAt + tokenLifeMs };
      ({ expiresAt } = life);
      wait(place.book(life, schedule.refreshDueAt(life, policy, random())));
    };
    const refresh = () => {
      void place.begin();
      requests++;
      const minute = Math.floor((clock.now() - begin) / minuteMs);
      perMinute[minute] = (perMinute[minute] ?? 0) + 1;
      mostAtOnce = Math.max(mostAtOnce, ++atOnce);
      const askedAt = clock.now();
      clock.setTimer(answerMs, () => {
        atOnce--;
        if (isAway()) {
          const failed = /** @type {const} */ ({
            kind: 'backing-off',
            failures: ++failures,
            failedAt: clock.now(),
            retryAfterSeconds: undefined,
          });
          wait(schedule.nextAttemptAt(failed, policy, clock.now(), random()));
        } else {
          if (!isOfOutage() && clock.now() > expiresAt) late++;
          failures = 0;
          hold(askedAt);
        }
        place.end();
      });
    };
    hold(begin - (start === 'even' ? random() * 45 * minuteMs : 0));
  }
  clock.runUntil(end);
  const minutes = perMinute.subarray(0, hours * 60);
  return { requests, late, mostAtOnce, minutes, mean: requests / minutes.length };
}
