import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { gmail, outlook } from '../../src/providers/index.js';
import {
  dayMs,
  dueWarning,
  endedByTrial,
  type GivenWarning,
  outlivedTrial,
  signInEnd,
  warningAt,
} from '../../src/refresh/foresight.js';

const made = 1.9e12;
const facts = { firstSeenAt: made, lastUsedAt: made, announcedEndAt: undefined, onTrial: false };
const times = fc.integer({ min: -400 * dayMs, max: 400 * dayMs }).map((ms) => made + ms);

describe('the end of a sign-in', () => {
  it('is 90 days after the last refresh at Microsoft, and 180 at Google', () => {
    const lastUsedAt = made + 40 * dayMs;
    const microsoft = signInEnd({ ...facts, lastUsedAt, life: outlook.signInLife });
    expect(microsoft).toEqual({ what: 'sign-in', at: made + 130 * dayMs, because: 'unused' });
    expect(signInEnd({ ...facts, lastUsedAt, life: gmail.signInLife })?.at).toBe(made + 220 * dayMs);
  });

  it('is not known where the provider has no rule', () => {
    expect(signInEnd({ ...facts, life: {} })).toBeUndefined();
  });

  it('is the one that the provider names, when that is sooner', () => {
    const announcedEndAt = made + 7 * dayMs;
    expect(signInEnd({ ...facts, announcedEndAt, life: gmail.signInLife })).toMatchObject({
      at: announcedEndAt,
      because: 'announced',
    });
  });

  it('is seven days after it was made, where the one before ended like that', () => {
    expect(signInEnd({ ...facts, onTrial: true, life: gmail.signInLife })).toEqual({
      what: 'sign-in',
      at: made + 7 * dayMs,
      because: 'trial',
    });
    expect(signInEnd({ ...facts, onTrial: true, life: outlook.signInLife })?.because).toBe('unused');
  });

  test('property: moves on with each refresh, and never past another end that is known', () => {
    fc.assert(
      fc.property(times, times, fc.boolean(), (lastUsedAt, announcedEndAt, onTrial) => {
        const known = { ...facts, lastUsedAt, announcedEndAt, onTrial, life: gmail.signInLife };
        const end = signInEnd(known)!;
        expect(end.at).toBeLessThanOrEqual(announcedEndAt);
        expect(end.at).toBeLessThanOrEqual(lastUsedAt + 180 * dayMs);
        expect(signInEnd({ ...known, lastUsedAt: lastUsedAt + dayMs })!.at).toBeGreaterThanOrEqual(end.at);
      }),
    );
  });
});

describe('a sign-in that ended after seven days', () => {
  it.each([
    [6.5, false],
    [6.9, true],
    [7, true],
    [7.9, true],
    [8.5, false],
  ])('is recognised: %d days, %s', (days, expected) => {
    expect(endedByTrial(gmail.signInLife, made, made + days * dayMs)).toBe(expected);
  });

  it('is nothing of the kind at a provider that has no trials', () => {
    expect(endedByTrial(outlook.signInLife, made, made + 7 * dayMs)).toBe(false);
  });

  test('property: has not outlived the trial by which it ended', () => {
    fc.assert(
      fc.property(times, (at) => {
        const both = endedByTrial(gmail.signInLife, made, at) && outlivedTrial(gmail.signInLife, made, at);
        expect(both).toBe(false);
      }),
    );
    expect(outlivedTrial(gmail.signInLife, made, made + 9 * dayMs)).toBe(true);
  });
});

describe('warnings', () => {
  const end = { at: made };
  const before = (days: number) => made - days * dayMs;

  it.each([
    [15, undefined],
    [14, 14],
    [8, 14],
    [7, 7],
    [1.5, 7],
    [1, 1],
    [-3, 1],
  ])('with %d days left: %s', (days, expected) => {
    expect(warningAt(end, before(days))).toBe(expected);
  });

  /** What is warned of at these moments, each remembered as the daemon does. */
  function given(moments: readonly number[], at: (moment: number) => number): number[] {
    let last: GivenWarning | undefined;
    return moments.flatMap((now) => {
      const days = dueWarning({ at: at(now) }, now, last);
      if (days === undefined) return [];
      last = { at: at(now), days };
      return [days];
    });
  }

  const hours = Array.from({ length: 24 * 30 }, (_, hour) => before(20) + (hour * dayMs) / 24);

  it('come three times, looked at hourly', () => {
    expect(given(hours, () => made)).toEqual([14, 7, 1]);
  });

  it('come three times for an end that moves by some seconds each time', () => {
    expect(given(hours, (now) => made + (now % 7_000))).toEqual([14, 7, 1]);
  });

  it('start anew for another end', () => {
    const renewed = made + 5 * dayMs;
    expect(given([before(13), before(6), before(5)], (now) => (now < before(5) ? made : renewed))).toEqual([
      14, 7, 14,
    ]);
  });

  test('property: each comes at most once, in order, however seldom one looks', () => {
    fc.assert(
      fc.property(fc.array(times, { maxLength: 40 }), (moments) => {
        const warnings = given(
          moments.toSorted((one, other) => one - other),
          () => made,
        );
        expect(warnings).toEqual([...new Set(warnings)].toSorted((one, other) => other - one));
      }),
    );
  });
});
