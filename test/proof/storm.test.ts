/** `npm run proof:storm` in short; the proof itself is in proof/storm. */
import { describe, expect, it } from 'vitest';
import { storm } from '../../proof/storm/storm.js';
import { binaryPath } from '../support/run-binary.js';
import { programsMissing } from '../system/requirements.js';

describe.skipIf(programsMissing())('a storm', () => {
  it('loses, damages and bounces nothing, and repeats only what it could not acknowledge', async () => {
    const { figures, faults } = await storm({
      messages: 30,
      seed: 8,
      seconds: 60,
      lifeMs: 1200,
      program: binaryPath,
      progress: () => undefined,
    });
    expect(faults).toEqual([]);
    const named = Object.fromEntries(figures);
    expect(named).toMatchObject({ messages: 30, bounces: 0 });
    for (const name of ['kills and restarts', 'tokens refused', 'tokens renewed'])
      expect([name, named[name]]).not.toEqual([name, 0]);
  }, 90_000);
});
