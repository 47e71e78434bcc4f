/**
 * How often a measure was how large, in buckets: one number added to for each observation, and nothing allocated.
 * Whoever wants to know reads the numbers.
 */

export class Distribution {
  /** Upper ends of the buckets, ascending; one more bucket takes what is above. */
  readonly bounds: readonly number[];
  /** Observations by bucket, not those below it. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  add(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += value;
  }
}
