/** `npm run proof:storm` in short; the proof itself is in proof/storm. */
import { describe, expect, it } from 'vitest';
import { storm } from '../../proof/storm/storm.js';
import { binaryPath } from '../support/run-binary.js';
import { programsMissing } from '../system/requirements.js';

describe.skipIf(programsMissing())('a storm', () => {
  it('loses, damages and bounces nothing, and repeats only what it could not acknowledge', async () => {
    const progress: string[] = [];
    const { figures, faults } = await storm({
      messages: 40,
      seed: 7,
      seconds: 60,
      lifeMs: 700,
      program: binaryPath,
      progress: (line) => progress.push(line),
    });
    expect(faults).toEqual([]);
    expect(Object.fromEntries(figures)).toMatchObject({ messages: 40, bounces: 0 });
  }, 90_000);
});
