/** Several who hear how accounts fare, as one. */
import type { RefreshWitness } from './witness.js';

export function allOf(...witnesses: readonly RefreshWitness[]): RefreshWitness {
  return {
    holds: (...heard) => witnesses.forEach((each) => each.holds(...heard)),
    ended: (...heard) => witnesses.forEach((each) => each.ended(...heard)),
    broken: (...heard) => witnesses.forEach((each) => each.broken(...heard)),
  };
}
