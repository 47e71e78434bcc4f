/**
 * The refreshes of many accounts, spread: a place in time for each, so that those that were signed in together are not
 * refreshed together for ever, and a limit for each provider, client id and host, so that after an outage nothing is
 * stormed. Where several machines share the accounts, each has its share of that. Few accounts notice nothing of it.
 * A message that waits for a token goes before all that only falls due.
 */
import type { Account } from '../accounts/account.js';
import type { Clock, Timer } from '../core/clock.js';

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
const minuteMs = 60_000;
/** How far back the calendar looks for a minute with room. */
const mostMinutesEarlier = 120;

/** What this machine may do of it. */
interface Limits {
  readonly leastPerMinute: number;
  readonly bookedShare: number;
  readonly limitShare: number;
  readonly burst: number;
  readonly mostAtOnce: number;
  readonly mostInBackground: number;
}

/** Of one provider, client id or host. */
class Budget {
  readonly #limits: Limits;
  /** What its accounts take on average. */
  perMinute = 0;
  active = 0;
  /** When all that was begun is paid for, at the limit's rate. */
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

/** One account's. */
export interface Place {
  /**
   * When to refresh a token that is due at `dueAt`: then, or where that minute is full, in one before it that is not,
   * though never before half of its life or before now. Takes the place of what was booked before.
   */
  book(life: { readonly issuedAt: number; readonly expiresAt: number }, dueAt: number): number;
  /** Calls `go` as soon as the limits allow, perhaps at once. */
  turn(go: () => void): void;
  /** No turn is wanted any more. */
  noTurn(): void;
  /** To be called before each request, whoever wants it; where there is a promise, not before that resolves. */
  begin(): Promise<void> | undefined;
  end(): void;
  /** It counts no more. */
  leave(): void;
}

export class RefreshPace {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #limits: Limits;
  readonly #budgets = new Map<string, Budget>();
  /** What falls due and waits; those with the same budgets stand in one line. */
  readonly #lines = new Map<string, Map<Place, () => void>>();
  /** What messages wait for. */
  readonly #urgent = new Map<string, (() => void)[]>();
  #timer: Timer | undefined;

  /** @param share of the limits that is this machine's, in (0, 1] */
  constructor(clock: Clock, random: () => number, share = 1) {
    this.#clock = clock;
    this.#random = random;
    const alone = (whole: number) => whole * Math.max(share, aloneShare);
    const part = (whole: number) => Math.max(1, Math.round(whole * share));
    this.#limits = {
      leastPerMinute: leastPerMinute * share,
      bookedShare: alone(bookedShare),
      limitShare: alone(limitShare),
      burst: part(burst),
      mostAtOnce: part(mostAtOnce),
      mostInBackground: part(mostInBackground),
    };
  }

  enter(account: Pick<Account, 'client' | 'provider'>): Place {
    const { client, provider } = account;
    const words = [
      `provider ${provider.name}`,
      `client ${client.clientId}`,
      `host ${client.tokenEndpoint.host}`,
    ];
    const line = words.join('\n');
    const budgets = words.map((word) => this.#budgetOf(word));
    let booked: number | undefined;
    let perMinute = 0;
    const unbook = () => {
      for (const budget of budgets) {
        if (booked !== undefined) budget.add(booked, -1);
        budget.perMinute -= perMinute;
      }
      booked = undefined;
      perMinute = 0;
    };
    const place: Place = {
      book: (life, dueAt) => {
        unbook();
        perMinute = minuteMs / Math.max(minuteMs, dueAt - life.issuedAt);
        for (const budget of budgets) budget.perMinute += perMinute;
        const earliest = Math.max(this.#clock.now(), (life.issuedAt + life.expiresAt) / 2);
        const at = chooseTime(budgets, earliest, dueAt, this.#random);
        booked = Math.floor(at / minuteMs);
        for (const budget of budgets) budget.add(booked, 1);
        return at;
      },
      turn: (go) => {
        this.#lineOf(line).set(place, go);
        this.#advance();
      },
      noTurn: () => {
        this.#lines.get(line)?.delete(place);
      },
      begin: () => {
        const now = this.#clock.now();
        if (budgets.every(({ active }) => active < this.#limits.mostAtOnce)) {
          for (const budget of budgets) budget.spend(now);
          return undefined;
        }
        return new Promise((resolve) => {
          const go = () => {
            for (const budget of budgets) budget.spend(this.#clock.now());
            resolve();
          };
          this.#urgent.set(line, [...(this.#urgent.get(line) ?? []), go]);
        });
      },
      end: () => {
        for (const budget of budgets) budget.active--;
        this.#advance();
      },
      leave: () => {
        place.noTurn();
        unbook();
      },
    };
    return place;
  }

  #budgetOf(word: string): Budget {
    let budget = this.#budgets.get(word);
    if (budget === undefined) this.#budgets.set(word, (budget = new Budget(this.#limits)));
    return budget;
  }

  #lineOf(line: string): Map<Place, () => void> {
    let waiting = this.#lines.get(line);
    if (waiting === undefined) this.#lines.set(line, (waiting = new Map()));
    return waiting;
  }

  #advance(): void {
    for (const [line, waiting] of this.#urgent) {
      while (waiting.length > 0 && this.#allows(line, this.#limits.mostAtOnce)) waiting.shift()!();
      if (waiting.length === 0) this.#urgent.delete(line);
    }
    let next = Infinity;
    for (const [line, waiting] of this.#lines) {
      for (const [place, go] of waiting) {
        if (!this.#allows(line, this.#limits.mostInBackground)) break;
        const freeAt = Math.max(...this.#budgetsOf(line).map((budget) => budget.freeAt));
        if (freeAt > this.#clock.now()) {
          next = Math.min(next, freeAt);
          break;
        }
        waiting.delete(place);
        go();
      }
      if (waiting.size === 0) this.#lines.delete(line);
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    if (next === Infinity) return;
    const wait = Math.max(1, next - this.#clock.now());
    this.#timer = this.#clock.setTimer(wait, () => this.#advance(), { unref: true });
  }

  #budgetsOf(line: string): Budget[] {
    return line.split('\n').map((word) => this.#budgetOf(word));
  }

  #allows(line: string, most: number): boolean {
    return this.#budgetsOf(line).every(({ active }) => active < most);
  }
}

/** `dueAt`, or a time in the last minute before it that has room; where none has, in the one with the most. */
function chooseTime(
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
