/**
 * The refreshes of many accounts, spread: a place in time for each, so that those that were signed in together are not
 * refreshed together for ever, and a limit for each provider, client id and host, so that after an outage nothing is
 * stormed. Where several machines share the accounts, each has its share of that. Few accounts notice nothing of it.
 * A message that waits for a token goes before all that only falls due.
 */
import type { Account } from '../accounts/account.js';
import type { Clock, Timer } from '../core/clock.js';
import { Agenda, type Appointment } from './agenda.js';
import { Budget, chooseTime, type Limits, limitsOf, minuteMs } from './budget.js';

/** One account's. */
export interface Place {
  /**
   * When to refresh a token that is due at `dueAt`: then, or where that minute is full, in one before it that is not,
   * though never before half of its life or before now. Takes the place of what was booked before.
   */
  book(life: { readonly issuedAt: number; readonly expiresAt: number }, dueAt: number): number;
  /**
   * Calls `go` as soon as the limits allow: perhaps at once, or from `at` on (milliseconds since the epoch), which may
   * be past, and then not before this has returned.
   */
  turn(go: () => void, at?: number): void;
  /** No turn is wanted any more. */
  noTurn(): void;
  /** To be called before each request, whoever wants it; where there is a promise, not before that resolves. */
  begin(): Promise<void> | undefined;
  end(): void;
  /** It counts no more. */
  leave(): void;
}

/** What the places of a pace share. */
interface Whole {
  readonly clock: Clock;
  readonly random: () => number;
  readonly limits: Limits;
  readonly agenda: Agenda;
  /** Lets go whoever may: of all lines, or the first of one that has grown. */
  readonly advance: (grown?: Line) => void;
}

/** Where those stand that have the same provider, client id and host. */
class Line {
  readonly name: string;
  readonly budgets: readonly Budget[];
  /** What falls due. */
  readonly waiting = new Set<AccountPlace>();
  /** What messages wait for. */
  readonly urgent: (() => void)[] = [];

  constructor(name: string, budgets: readonly Budget[]) {
    this.name = name;
    this.budgets = budgets;
  }

  allows(most: number): boolean {
    return this.budgets.every(({ active }) => active < most);
  }

  get freeAt(): number {
    return Math.max(...this.budgets.map((budget) => budget.freeAt));
  }
}

export class RefreshPace {
  readonly #whole: Whole;
  readonly #budgets = new Map<string, Budget>();
  readonly #lines = new Map<string, Line>();
  #timer: Timer | undefined;
  #advancesAt = Infinity;

  /** @param share of the limits that is this machine's, in (0, 1] */
  constructor(clock: Clock, random: () => number, share = 1) {
    const agenda = new Agenda(clock);
    // All lines for each account that falls due would be too many, where each has a client of its own.
    const advance = (grown?: Line) => (grown === undefined ? this.#advance() : this.#letOneGo(grown));
    this.#whole = { clock, random, limits: limitsOf(share), agenda, advance };
  }

  enter({ client, provider }: Pick<Account, 'client' | 'provider'>): Place {
    const words = [
      `provider ${provider.name}`,
      `client ${client.clientId}`,
      `host ${client.tokenEndpoint.host}`,
    ];
    const name = words.join('\n');
    let line = this.#lines.get(name);
    if (line === undefined) {
      line = new Line(
        name,
        words.map((word) => this.#budgetOf(word)),
      );
      this.#lines.set(name, line);
    }
    return new AccountPlace(this.#whole, line);
  }

  #budgetOf(word: string): Budget {
    let budget = this.#budgets.get(word);
    if (budget === undefined) this.#budgets.set(word, (budget = new Budget(this.#whole.limits)));
    return budget;
  }

  #advance(): void {
    const { limits } = this.#whole;
    // Who went is the last of all lines then, and its turn comes again after theirs.
    for (const line of this.#lines.values()) {
      if (line.urgent.length === 0 || !line.allows(limits.mostAtOnce)) continue;
      this.#letOthersGo(line);
      line.urgent.shift()!();
    }
    for (const line of this.#lines.values()) this.#letOneGo(line);
  }

  /** The first that waits there; if that may go later only, all lines are looked at then. */
  #letOneGo(line: Line): void {
    const { clock, limits } = this.#whole;
    const [place] = line.waiting;
    if (place === undefined || !line.allows(limits.mostInBackground)) return;
    if (line.freeAt > clock.monotonic()) return this.#advanceAt(line.freeAt);
    this.#letOthersGo(line);
    place.go();
  }

  #advanceAt(at: number): void {
    if (at >= this.#advancesAt) return;
    const { clock } = this.#whole;
    this.#timer?.cancel();
    this.#advancesAt = at;
    const advance = () => {
      this.#advancesAt = Infinity;
      this.#advance();
    };
    this.#timer = clock.setTimer(Math.max(1, at - clock.monotonic()), advance, { unref: true });
  }

  /** A long line shall not keep others from what they share. */
  #letOthersGo(line: Line): void {
    this.#lines.delete(line.name);
    this.#lines.set(line.name, line);
  }
}

class AccountPlace implements Place, Appointment {
  dueAt = 0;
  position = -1;
  readonly #whole: Whole;
  readonly #line: Line;
  #go: (() => void) | undefined;
  /** By minutes since the epoch. */
  #booked: number | undefined;
  #perMinute = 0;

  constructor(whole: Whole, line: Line) {
    this.#whole = whole;
    this.#line = line;
  }

  book({ expiresAt, issuedAt }: Parameters<Place['book']>[0], dueAt: number): number {
    this.#unbook();
    const { clock, random } = this.#whole;
    const { budgets } = this.#line;
    this.#perMinute = minuteMs / Math.max(minuteMs, dueAt - issuedAt);
    for (const budget of budgets) budget.perMinute += this.#perMinute;
    const earliest = Math.max(clock.now(), (issuedAt + expiresAt) / 2);
    const at = chooseTime(budgets, earliest, dueAt, random);
    this.#booked = Math.floor(at / minuteMs);
    for (const budget of budgets) budget.add(this.#booked, 1);
    return at;
  }

  turn(go: () => void, at?: number): void {
    this.noTurn();
    this.#go = go;
    this.dueAt = at ?? 0;
    if (at === undefined) this.due();
    else this.#whole.agenda.add(this);
  }

  due(): void {
    this.#line.waiting.add(this);
    this.#whole.advance(this.#line);
  }

  /** Its turn has come. */
  go(): void {
    this.#line.waiting.delete(this);
    this.#go?.();
  }

  noTurn(): void {
    this.#whole.agenda.remove(this);
    this.#line.waiting.delete(this);
  }

  begin(): Promise<void> | undefined {
    const { clock, limits } = this.#whole;
    const { budgets, urgent } = this.#line;
    const spend = () => {
      for (const budget of budgets) budget.spend(clock.monotonic());
    };
    if (!this.#line.allows(limits.mostAtOnce))
      return new Promise((resolve) => {
        urgent.push(() => {
          spend();
          resolve();
        });
      });
    spend();
    return undefined;
  }

  end(): void {
    for (const budget of this.#line.budgets) budget.active--;
    this.#whole.advance();
  }

  leave(): void {
    this.noTurn();
    this.#unbook();
  }

  #unbook(): void {
    for (const budget of this.#line.budgets) {
      if (this.#booked !== undefined) budget.add(this.#booked, -1);
      budget.perMinute -= this.#perMinute;
    }
    this.#booked = undefined;
    this.#perMinute = 0;
  }
}
