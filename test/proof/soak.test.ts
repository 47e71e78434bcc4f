/** `npm run proof:soak` in short, and whether its judge would find anything. */
import { describe, expect, it } from 'vitest';
import { soak } from '../../proof/soak/soak.js';
import { findGrowth, type Rest, type Sample } from '../../proof/soak/verdict.js';
import { binaryPath } from '../support/run-binary.js';

it('a daemon under all kinds of trouble takes no more at the end than at the start', async () => {
  const { figures, faults } = await soak({
    seconds: 3,
    seed: 4,
    program: binaryPath,
    progress: () => undefined,
  });
  expect(faults).toEqual([]);
  const named = Object.fromEntries(figures);
  for (const name of [
    'clients that vanished',
    'messages acknowledged',
    'messages deferred',
    'tokens renewed',
    'reloads',
    'token files changed',
    'visits to the status page',
    'tokens asked for',
  ])
    expect([name, named[name]]).not.toEqual([name, 0]);
}, 90_000);

describe('the judge of a soak', () => {
  const mebibyte = 2 ** 20;
  const rest: Rest = { rssBytes: 80 * mebibyte, descriptors: 30, resources: 12 };
  const even: Sample[] = Array.from({ length: 40 }, () => ({ rssBytes: 100 * mebibyte, delayMs: 12 }));
  const rising = (sample: (share: number) => Sample): Sample[] =>
    Array.from({ length: 40 }, (_, index) => sample(index / 40));

  it('finds nothing where all stays as it was, or warms up', () => {
    expect(findGrowth(rest, rest, even)).toEqual([]);
    const warming = rising((share) => ({ rssBytes: (share < 0.2 ? 50 : 100) * mebibyte, delayMs: 12 }));
    expect(findGrowth(rest, { ...rest, descriptors: 33 }, warming)).toEqual([]);
  });

  it.each([
    ['descriptors', { ...rest, descriptors: 40 }, even, /^descriptors at rest went from 30 to 40/],
    ['resources', { ...rest, resources: 60 }, even, /^resources at rest/],
    [
      'memory',
      rest,
      rising((share) => ({ rssBytes: (100 + 100 * share) * mebibyte, delayMs: 12 })),
      /^bytes of memory under load/,
    ],
    [
      'delay',
      rest,
      rising((share) => ({ rssBytes: 100 * mebibyte, delayMs: 12 + 2000 * share ** 3 })),
      /^ms of event-loop delay/,
    ],
    ['lack of samples', rest, [], /memory/],
  ])('would find growing %s', (_what, after, samples, wanted) => {
    expect(findGrowth(rest, after, samples)[0]).toMatch(wanted);
  });
});
