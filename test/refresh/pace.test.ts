import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { liveFor } from '../../bench/fleet-life.js';
import type { OAuthClient } from '../../src/accounts/account.js';
import type { Clock } from '../../src/core/clock.js';
import { RefreshPace } from '../../src/refresh/pace.js';
import * as schedule from '../../src/refresh/schedule.js';
import { testAccount } from '../support/token-files.js';
import { VirtualClock } from '../support/virtual-clock.js';

const fleets = fc.record({
  accounts: fc.integer({ min: 1, max: 6_000 }),
  seed: fc.integer({ min: 1, max: 2 ** 31 }),
  start: fc.constantFrom('even' as const, 'together' as const),
});

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function live(accounts: number, start: 'even' | 'together', seed: number, outage?: [number, number]) {
  return liveFor({
    ...{ accounts, start, hours: 8, random: randomFrom(seed), RefreshPace, schedule },
    ...(outage && { outage }),
  });
}

/** Few accounts may all be refreshed in one minute. */
function most(accounts: number): number {
  return Math.max(80, (2 * accounts) / 40);
}

describe('the pace of refreshes', () => {
  test('property: no minute has more than twice its share, and none is late, whenever the fleet was signed in', () => {
    fc.assert(
      fc.property(fleets, ({ accounts, seed, start }) => {
        const { late, minutes, mostAtOnce } = live(accounts, start, seed);
        expect(late).toBe(0);
        expect(Math.max(...minutes)).toBeLessThanOrEqual(most(accounts));
        expect(mostAtOnce).toBeLessThanOrEqual(24);
      }),
      { numRuns: 8 },
    );
  });

  test('property: a provider that was away for an hour is not stormed, then or after', () => {
    fc.assert(
      fc.property(fleets, ({ accounts, seed, start }) => {
        const { minutes } = live(accounts, start, seed, [3, 4]);
        expect(Math.max(...minutes)).toBeLessThanOrEqual(most(accounts));
        expect(minutes.subarray(300).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(accounts);
      }),
      { numRuns: 5 },
    );
  });

  test('property: a machine with half of the limits keeps all fresh by itself, at no more than two thirds of the pace', () => {
    class HalfPace extends RefreshPace {
      constructor(...[clock, random]: ConstructorParameters<typeof RefreshPace>) {
        super(clock, random, 0.5);
      }
    }
    fc.assert(
      fc.property(fleets, ({ accounts, seed }) => {
        const random = randomFrom(seed);
        const { late, minutes, mostAtOnce } = liveFor({
          ...{ accounts, start: 'even', hours: 8, random, RefreshPace: HalfPace, schedule, outage: [3, 4] },
        });
        expect(late).toBe(0);
        expect(Math.max(...minutes)).toBeLessThanOrEqual((2 / 3) * most(accounts) + 10);
        expect(mostAtOnce).toBeLessThanOrEqual(12);
      }),
      { numRuns: 5 },
    );
  });

  it('leaves few accounts their time', () => {
    const clock = new VirtualClock(1.9e12);
    const pace = new RefreshPace(clock, () => 0.5);
    const life = { issuedAt: clock.now(), expiresAt: clock.now() + 3_600_000 };
    const times = Array.from({ length: 50 }, (_, number) =>
      pace.enter(testAccount(`/t/${number}`)).book(life, clock.now() + 3_000_000),
    );
    expect(new Set(times)).toEqual(new Set([clock.now() + 3_000_000]));
  });

  it('holds back what falls due, not another provider, and lets a message go first', async () => {
    const clock = new VirtualClock(1.9e12);
    const pace = new RefreshPace(clock, () => 0.5);
    const begun: string[] = [];
    const places = Array.from({ length: 60 }, (_, number) => pace.enter(testAccount(`/t/${number}`)));
    places.forEach((place, number) =>
      place.turn(() => {
        begun.push(`due ${number}`);
        void place.begin();
      }),
    );
    expect(begun).toHaveLength(20);
    const waiting = places.slice(30, 50).flatMap((place) => place.begin() ?? []);
    expect(waiting).toHaveLength(8);
    const { client, provider } = testAccount('/t/other');
    const elsewhere = { ...client, clientId: 'other', tokenEndpoint: new URL('http://127.0.0.2:1/token') };
    const other = pace.enter({ client: elsewhere, provider: { ...provider, name: 'other' } });
    other.turn(() => begun.push('elsewhere'));
    expect(begun.at(-1)).toBe('elsewhere');
    for (const place of places.slice(0, 8)) place.end();
    await Promise.all(waiting);
    expect(begun).toHaveLength(21);
    for (const place of places.slice(8, 30)) place.end();
    await clock.advance(60_000);
    expect(begun.length).toBeGreaterThan(21);
  });

  it('lets those of another client go in turn with those that wait in thousands', async () => {
    const clock = new VirtualClock(1.9e12);
    const pace = new RefreshPace(clock, () => 0.5);
    const begun: string[] = [];
    const wait = (name: string, changes: Partial<OAuthClient>) => {
      const { client, provider } = testAccount(`/t/${name}`);
      const place = pace.enter({ client: { ...client, ...changes }, provider });
      place.turn(() => {
        begun.push(name);
        void place.begin();
        place.end();
      });
    };
    for (let number = 0; number < 100; number++) wait(`many ${number}`, {});
    wait('few', { clientId: 'other' });
    await clock.advance(2_000);
    expect(begun).toHaveLength(22);
    expect(begun).toContain('few');
  });

  it('goes on when the clock is put back', async () => {
    const steady = new VirtualClock(1.9e12);
    let putBackMs = 0;
    const clock: Clock = {
      now: () => steady.now() - putBackMs,
      monotonic: () => steady.monotonic(),
      setTimer: (delayMs, fire) => steady.setTimer(delayMs, fire),
    };
    const pace = new RefreshPace(clock, () => 0.5);
    let begun = 0;
    for (let number = 0; number < 25; number++) {
      const place = pace.enter(testAccount(`/t/${number}`));
      place.turn(() => {
        begun++;
        void place.begin();
        place.end();
      });
    }
    expect(begun).toBe(20);
    putBackMs = 3_600_000;
    await steady.advance(10_000);
    expect(begun).toBe(25);
  });
});
