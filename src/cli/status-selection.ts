/** Which accounts `status` is asked for, by its flags; complaints name these. */
import { type Selection, selectionOf, wordsForState } from '../status/listing.js';
import type { State } from './standing.js';

export const states: readonly State[] = ['fresh', 'due', 'expired', 'broken'];
/** What `--state` takes. */
export const stateWords = wordsForState(states);

export interface SelectionFlags {
  readonly state?: readonly string[];
  readonly provider?: readonly string[];
  readonly match?: string;
  readonly limit?: string;
  readonly page?: string;
  readonly all?: true;
}

const mostReadable = 100;

/** Throws AppError usage. */
export function selectionFrom(flags: SelectionFlags, isJson: boolean): Selection {
  const nameOf = (what: string) => `--${what}`;
  const showsAll = isJson || flags.all === true;
  const mostLimit = Number.MAX_SAFE_INTEGER;
  return selectionOf(flags, { states: stateWords, limit: mostReadable, mostLimit, showsAll, nameOf });
}
