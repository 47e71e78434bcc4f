/** What became of refreshes: counted since the start, and for each account the last ones, to be drawn on its bar. */
import type { Account } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import { Distribution } from '../core/distribution.js';
import type { FailureCode } from '../core/errors.js';
import { increase } from '../core/tally.js';
import type { RefreshResult } from '../refresh/refresh-once.js';
import type { RefreshWitness } from '../refresh/witness.js';

export type RefreshOutcome = RefreshResult['kind'];
export const refreshOutcomes: readonly RefreshOutcome[] = ['refreshed', 'found', 'superseded', 'failed'];

export interface RefreshMark {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly outcome: RefreshOutcome;
  /** Of a failure. */
  readonly code: FailureCode | undefined;
}

/** Token endpoints answer within a second, or not before the time-out of 30 s. */
const durationBoundsMs = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];
const mostMarks = 20;

export class RefreshFigures implements RefreshWitness {
  readonly durations = new Distribution(durationBoundsMs);
  readonly #clock: Clock;
  readonly #outcomes = new Map<RefreshOutcome, number>();
  readonly #failures = new Map<FailureCode, number>();
  readonly #marks = new Map<string, RefreshMark[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  holds(): void {
    // A token that is looked at is none that was refreshed.
  }

  ended({ name }: Account, result: RefreshResult, ms: number): void {
    const { kind: outcome } = result;
    const code = result.kind === 'failed' ? result.error.code : undefined;
    this.durations.add(ms);
    increase(this.#outcomes, outcome);
    if (code !== undefined) increase(this.#failures, code);
    const marks = this.#marks.get(name) ?? [];
    this.#marks.set(name, [...marks.slice(1 - mostMarks), { at: this.#clock.now(), outcome, code }]);
  }

  broken({ name }: { readonly name: string }): void {
    this.#marks.delete(name);
  }

  countOf(outcome: RefreshOutcome): number {
    return this.#outcomes.get(outcome) ?? 0;
  }

  failuresOf(code: FailureCode): number {
    return this.#failures.get(code) ?? 0;
  }

  /** Oldest first. */
  marksOf(account: string): readonly RefreshMark[] {
    return this.#marks.get(account) ?? [];
  }
}
