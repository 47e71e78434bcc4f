/** `npm run proof:storm` in short; the proof itself is in proof/storm. */
import { describe, expect, it } from 'vitest';
import { storm } from '../../proof/storm/storm.js';
import { binaryPath } from '../support/run-binary.js';
import { programsMissing } from '../system/requirements.js';

describe.skipIf(programsMissing())('a storm', () => {
  it('loses, damages and bounces nothing, and repeats only what it could not acknowledge', async () => {
    const { figures, faults } = await storm({
      messages: 40,
      seed: 7,
      seconds: 60,
      lifeMs: 700,
      program: binaryPath,
      progress: () => undefined,
    });
    expect(faults).toEqual([]);
    const named = Object.fromEntries(figures);
    expect(named).toMatchObject({ messages: 40, bounces: 0 });
    expect(named['kills and restarts']).toBeGreaterThan(0);
  }, 90_000);
});
