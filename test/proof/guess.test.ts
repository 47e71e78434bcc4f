/** `npm run proof:guess` in short; the proof itself is in proof/guess. */
import { expect, it } from 'vitest';
import { guess } from '../../proof/guess/guess.js';
import { binaryPath } from '../support/run-binary.js';

it('no guess is let in or logged, and owners are let in at once', async () => {
  const { figures, faults } = await guess({
    guesses: 300,
    seed: 3,
    seconds: 30,
    program: binaryPath,
    progress: () => undefined,
  });
  expect(faults).toEqual([]);
  const named = Object.fromEntries(figures);
  expect(named).toMatchObject({ guesses: 300 });
  for (const name of ['refused (535)', 'not even looked at (454)'])
    expect([name, named[name]]).not.toEqual([name, 0]);
}, 60_000);
