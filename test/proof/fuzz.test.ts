/** `npm run proof:fuzz` in short; the proof itself is in proof/fuzz. */
import { describe, expect, it } from 'vitest';
import { fuzz } from '../../proof/fuzz/fuzz.js';

describe('random and mutated input', () => {
  it('finds no fault in the machines, nor in the relay between unruly peers', async () => {
    const { figures, faults } = await fuzz({ count: 5000, seed: 11, seconds: 60, progress: () => undefined });
    expect(faults).toEqual([]);
    expect(Object.fromEntries(figures)).toMatchObject({ 'inputs to the machines': 5000, faults: 0 });
  });
});
