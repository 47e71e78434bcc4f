/** What became of all that were killed, in figures. */
import type { Progress } from '../report.js';
import type { Verdict } from './judge.js';
import type { Life } from './life.js';
import { type Death, describeDeath } from './plan.js';

const progressEvery = 50;

const noneYet = {
  'killed before the provider was asked': 0,
  'newest token in the file, not rotated': 0,
  'newest token in the file, rotated': 0,
  'the one before, its answer never came': 0,
  'the one before, new file not in its place': 0,
  '  of these, put there by the next refresh': 0,
  '  of these, lost with the process': 0,
  'left a lock or a temporary file': 0,
  'lived on': 0,
};

export class Tally {
  kills = 0;
  readonly faults: string[] = [];
  readonly #places = new Set<string>();
  readonly #counts = { ...noneYet };

  constructor(private readonly progress: Progress) {}

  add(death: Death, life: Life, verdict: Verdict, asked: boolean, litter: number): void {
    const count = (name: keyof typeof noneYet) => void this.#counts[name]++;
    if (life.survived) {
      count('lived on');
      if (!life.told) this.fault(`${describeDeath(death)}: it ended by itself: ${life.output}`);
    } else {
      this.kills++;
      if (this.kills % progressEvery === 0)
        this.progress(`${this.kills} kills, ${this.faults.length} faults`);
      this.#places.add(describeDeath(death));
      if (!asked) count('killed before the provider was asked');
      if (litter > 0) count('left a lock or a temporary file');
      if (verdict.kind === 'newest')
        count(`newest token in the file, ${verdict.rotated ? 'rotated' : 'not rotated'}`);
      if (verdict.kind === 'one before')
        count(`the one before, ${verdict.answered ? 'new file not in its place' : 'its answer never came'}`);
    }
    if (verdict.kind === 'fault') this.fault(`${describeDeath(death)}: ${verdict.what}`);
  }

  /** What came of it at the next refresh. */
  addNext(verdict: Verdict, refreshed: boolean): void {
    if (verdict.kind !== 'one before' || !verdict.answered) return;
    this.#counts[
      refreshed ? '  of these, put there by the next refresh' : '  of these, lost with the process'
    ]++;
  }

  fault(what: string): void {
    this.faults.push(what);
  }

  figures(): (readonly [name: string, value: number])[] {
    return [
      ['kills', this.kills],
      ['different places', this.#places.size],
      ...Object.entries(this.#counts),
      ['faults', this.faults.length],
    ];
  }
}
