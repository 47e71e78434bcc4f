import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import type { Pace } from '../../src/providers/provider.js';
import { RelayFigures } from '../../src/relay/figures.js';
import { shareOf, Turnstile } from '../../src/relay/pacing.js';
import { RateWindow } from '../../src/relay/rate-window.js';
import { VirtualClock } from '../support/virtual-clock.js';

const unlimited: Pace = { sessions: Infinity, messagesPerMinute: undefined, loginsPerMinute: undefined };

function open(pace: Partial<Pace>) {
  const clock = new VirtualClock(0);
  return { clock, turnstile: new Turnstile({ ...unlimited, ...pace }, clock, new RelayFigures()) };
}

/** What becomes of a wait: `in` or the failure's code. */
function watch(entering: Promise<void> | undefined): { state: string } {
  const seen = { state: entering === undefined ? 'in' : 'waiting' };
  entering?.then(
    () => (seen.state = 'in'),
    (error: unknown) => (seen.state = error instanceof AppError ? error.code : 'odd'),
  );
  return seen;
}

/** Whoever asks is still there. */
const here = { isWanted: true };

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('the share of one machine', () => {
  it('is that part of each limit, and never nothing', () => {
    expect(shareOf({ sessions: 3, messagesPerMinute: 30, loginsPerMinute: undefined }, 0.5)).toEqual({
      sessions: 1,
      messagesPerMinute: 15,
      loginsPerMinute: undefined,
    });
    expect(shareOf({ sessions: 3, messagesPerMinute: 30, loginsPerMinute: 60 }, 0.01)).toEqual({
      sessions: 1,
      messagesPerMinute: 1,
      loginsPerMinute: 1,
    });
  });
});

describe('an account without limits', () => {
  it('lets everyone in at once', () => {
    const { turnstile } = open({});
    for (let count = 0; count < 1000; count++) expect(turnstile.enter(here)).toBeUndefined();
  });
});

describe('an account with three sessions', () => {
  it('lets three in, has four wait, and sends the others away at once', async () => {
    const { turnstile } = open({ sessions: 3 });
    const guests = Array.from({ length: 7 }, () => watch(turnstile.enter(here)));
    expect(guests.map(({ state }) => state)).toEqual([
      'in',
      'in',
      'in',
      ...Array.from({ length: 4 }, () => 'waiting'),
    ]);
    expect(() => turnstile.enter(here)).toThrow(expect.objectContaining({ code: 'account-busy' }) as Error);
    turnstile.leave();
    await settle();
    expect(guests.map(({ state }) => state).slice(3)).toEqual(['in', 'waiting', 'waiting', 'waiting']);
  });

  it('keeps no place for who has left', async () => {
    const { turnstile } = open({ sessions: 1 });
    void turnstile.enter(here);
    const absent = { isWanted: true };
    const guests = Array.from({ length: 4 }, () => watch(turnstile.enter(absent)));
    absent.isWanted = false;
    const next = watch(turnstile.enter(here));
    turnstile.leave();
    await settle();
    expect(guests.map(({ state }) => state)).toEqual(Array.from({ length: 4 }, () => 'account-busy'));
    expect(next.state).toBe('in');
  });

  it('lets nobody wait longer than a minute', async () => {
    const { clock, turnstile } = open({ sessions: 1 });
    void turnstile.enter(here);
    const guest = watch(turnstile.enter(here));
    await clock.advance(59_999);
    expect(guest.state).toBe('waiting');
    await clock.advance(1);
    expect(guest.state).toBe('account-busy');
    turnstile.leave();
    expect(turnstile.enter(here)).toBeUndefined();
  });
});

describe('an account with 30 messages a minute', () => {
  it('has the next wait until the first is a minute old', async () => {
    const { clock, turnstile } = open({ messagesPerMinute: 30 });
    for (let count = 0; count < 30; count++) {
      expect(turnstile.enter(here)).toBeUndefined();
      turnstile.leave();
      await clock.advance(1000);
    }
    const guests = [watch(turnstile.enter(here)), watch(turnstile.enter(here))];
    await clock.advance(29_999);
    expect(guests.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
    await clock.advance(1);
    expect(guests.map(({ state }) => state)).toEqual(['in', 'waiting']);
    await clock.advance(1000);
    expect(guests.map(({ state }) => state)).toEqual(['in', 'in']);
  });
});

describe('an account whose limits change', () => {
  it('lets in who waits where there is more room, and counts on where there is less', async () => {
    const { clock, turnstile } = open({ sessions: 2, messagesPerMinute: 3 });
    const enter = (count: number) => Array.from({ length: count }, () => watch(turnstile.enter(here)));
    const guests = enter(2);
    await clock.advance(10_000);
    guests.push(...enter(2));
    turnstile.repace({ ...unlimited, sessions: 3, messagesPerMinute: 3 });
    await settle();
    expect(guests.map(({ state }) => state)).toEqual(['in', 'in', 'in', 'waiting']);
    turnstile.repace({ ...unlimited, messagesPerMinute: 2 });
    await clock.advance(49_999);
    expect(guests[3]!.state).toBe('waiting');
    await clock.advance(1);
    expect(guests[3]!.state).toBe('in');
  });
});

describe('logins', () => {
  it('are spread so that a minute never has more than allowed', () => {
    const { turnstile } = open({ loginsPerMinute: 2 });
    expect([1, 2, 3, 4].map(() => turnstile.reserveLogin())).toEqual([0, 0, 60_000, 60_000]);
    expect(() => turnstile.reserveLogin()).toThrow(
      expect.objectContaining({ code: 'account-busy' }) as Error,
    );
  });
});

describe('a rate window', () => {
  it('never holds more events than its limit, wherever it is laid', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat({ max: 700 }), { maxLength: 40 }),
        (limit, gaps) => {
          const window = new RateWindow(limit, 1000);
          const times: number[] = [];
          let now = 0;
          for (const gap of gaps) {
            now += gap;
            now += window.delayMs(now);
            window.count(now);
            times.push(now);
          }
          for (const from of times) {
            expect(times.filter((time) => time >= from && time < from + 1000).length).toBeLessThanOrEqual(
              limit,
            );
          }
        },
      ),
    );
  });
});
