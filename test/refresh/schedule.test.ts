import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  firstBackOffMs,
  longestBackOffMs,
  longestRetryAfterMs,
  nextAttemptAt,
  refreshDueAt,
  type RefreshSituation,
  stoppedIntervalMs,
  usableUntil,
} from '../../src/refresh/schedule.js';

const issuedAt = 1.9e12;
const hour = { issuedAt, expiresAt: issuedAt + 3_600_000 };
const policy = { windowSeconds: 600, minimumLifetimeSeconds: 0 };

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const policies = fc.record({
  windowSeconds: fc.integer({ min: 60, max: 100_000 }),
  minimumLifetimeSeconds: fc.integer({ min: 0, max: 2000 }),
});
const lives = fc
  .integer({ min: 0, max: 90_000_000 })
  .map((lifeMs) => ({ issuedAt, expiresAt: issuedAt + lifeMs }));
const times = fc.integer({ min: -100_000_000, max: 100_000_000 }).map((ms) => issuedAt + ms);

describe('a token in hand', () => {
  it('is refreshed when the window opens', () => {
    expect(refreshDueAt(hour, policy, 0)).toBe(hour.expiresAt - 600_000);
  });

  it('is refreshed up to a tenth of the window earlier, so that many accounts spread', () => {
    expect(refreshDueAt(hour, policy, 0.5)).toBe(hour.expiresAt - 630_000);
  });

  it('defect 1: is refreshed with 15 minutes left where the window says so', () => {
    expect(refreshDueAt(hour, { ...policy, windowSeconds: 900 }, 0)).toBe(hour.expiresAt - 900_000);
  });

  it('is not refreshed before half of its life, whatever the window', () => {
    expect(refreshDueAt(hour, { ...policy, windowSeconds: 3600 }, 0.9)).toBe(issuedAt + 1_800_000);
  });

  test('property: never before half of its life, never after expiry, and within the window', () => {
    fc.assert(
      fc.property(lives, policies, random, (life, policy, random) => {
        const due = refreshDueAt(life, policy, random);
        expect(due).toBeGreaterThanOrEqual((life.issuedAt + life.expiresAt) / 2);
        expect(due).toBeLessThanOrEqual(life.expiresAt);
        const half = (life.expiresAt - life.issuedAt) / 2;
        const window = 1000 * Math.max(policy.windowSeconds, policy.minimumLifetimeSeconds);
        expect(life.expiresAt - due).toBeGreaterThanOrEqual(Math.min(window, half));
      }),
    );
  });

  test('property: is due for a refresh before a server would refuse it', () => {
    fc.assert(
      fc.property(lives, policies, random, (life, policy, random) => {
        expect(refreshDueAt(life, policy, random)).toBeLessThanOrEqual(usableUntil(life, policy));
      }),
    );
  });

  test('property: is refreshed before its refresh token would die unused, however long it lives', () => {
    const days = 86_400;
    fc.assert(
      fc.property(lives, policies, random, fc.integer({ min: 1, max: 400 }), (life, policy, random, idle) => {
        const due = refreshDueAt(life, { ...policy, idleSeconds: idle * days }, random);
        expect(due).toBeLessThanOrEqual(life.issuedAt + (idle * days * 1000) / 2);
        expect(due).toBeLessThanOrEqual(refreshDueAt(life, policy, random));
      }),
    );
  });

  it('is refreshed for a year in which nobody uses it, never more than a day apart when it lives for one', () => {
    const idle = { ...policy, idleSeconds: 90 * 86_400 };
    let [now, refreshes] = [issuedAt, 0];
    while (now < issuedAt + 365 * 86_400_000) {
      const next = refreshDueAt({ issuedAt: now, expiresAt: now + 86_400_000 }, idle, 0.5);
      expect(next - now).toBeLessThan(86_400_000);
      expect(next).toBeGreaterThan(now);
      now = next;
      refreshes += 1;
    }
    expect(refreshes).toBeLessThan(3 * 365);
  });

  it('may be used until the life that the server demands is left', () => {
    expect(usableUntil(hour, policy)).toBe(hour.expiresAt);
    expect(usableUntil(hour, { ...policy, minimumLifetimeSeconds: 600 })).toBe(hour.expiresAt - 600_000);
  });

  it('may be used for half of its life where tokens live shorter than the server demands', () => {
    const short = { issuedAt, expiresAt: issuedAt + 300_000 };
    expect(usableUntil(short, { ...policy, minimumLifetimeSeconds: 600 })).toBe(issuedAt + 150_000);
  });
});

describe('trouble', () => {
  const backingOff = (failures: number, retryAfterSeconds?: number): RefreshSituation => ({
    kind: 'backing-off',
    failures,
    failedAt: issuedAt,
    retryAfterSeconds,
  });
  const delay = (situation: RefreshSituation, random = 0) =>
    nextAttemptAt(situation, policy, issuedAt, random) - issuedAt;

  it('backs off by doubling', () => {
    expect([1, 2, 3, 4].map((failures) => delay(backingOff(failures)))).toEqual([
      5000, 10_000, 20_000, 40_000,
    ]);
  });

  test('property: waits 5 s to 10 min, and longer the more often it failed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), random, (failures, random) => {
        const wait = delay(backingOff(failures), random);
        expect(wait).toBeGreaterThanOrEqual(firstBackOffMs);
        expect(wait).toBeLessThanOrEqual(longestBackOffMs);
        expect(delay(backingOff(failures + 1), random)).toBeGreaterThanOrEqual(wait);
      }),
    );
  });

  test('property: keeps a Retry-After of up to an hour', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), random, (seconds, random) => {
        const wait = delay(backingOff(1, seconds), random);
        expect(wait).toBeGreaterThanOrEqual(Math.min(seconds * 1000, longestRetryAfterMs));
        expect(wait).toBeLessThanOrEqual(longestRetryAfterMs);
      }),
    );
  });

  test('property: asks hourly at most when only a person can help', () => {
    fc.assert(
      fc.property(random, (random) => {
        const wait = delay({ kind: 'stopped', failedAt: issuedAt }, random);
        expect(wait).toBeGreaterThanOrEqual(stoppedIntervalMs);
        expect(wait).toBeLessThanOrEqual(1.1 * stoppedIntervalMs);
      }),
    );
  });

  it('tries at once when nothing was tried yet', () => {
    expect(delay({ kind: 'due' })).toBe(0);
  });

  test('property: never names a moment that has passed', () => {
    const situations: fc.Arbitrary<RefreshSituation> = fc.oneof(
      lives.map((life) => ({ kind: 'holding' as const, life })),
      fc.constant({ kind: 'due' as const }),
      fc.integer({ min: 1, max: 50 }).map((failures) => backingOff(failures)),
      fc.constant({ kind: 'stopped' as const, failedAt: issuedAt }),
    );
    fc.assert(
      fc.property(situations, times, random, (situation, now, random) => {
        expect(nextAttemptAt(situation, policy, now, random)).toBeGreaterThanOrEqual(now);
      }),
    );
  });
});
