import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sleep } from '../../src/core/clock.js';
import { AppError } from '../../src/core/errors.js';
import { outlook } from '../../src/providers/index.js';
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
  const { signal } = new AbortController();
  const busy = expect.objectContaining({ code: 'account-busy' }) as Error;

  it('are spread so that a minute never has more than allowed', async () => {
    const { clock, turnstile } = open({ loginsPerMinute: 2 });
    const logins = Array.from({ length: 4 }, () =>
      watch(turnstile.logIn({ asker: { isWanted: true }, waitedMs: 0, replaces: false }, signal)),
    );
    expect(logins.map(({ state }) => state)).toEqual(['in', 'in', 'waiting', 'waiting']);
    await clock.advance(59_999);
    expect(logins.map(({ state }) => state)).toEqual(['in', 'in', 'waiting', 'waiting']);
    await clock.advance(1);
    expect([...logins.map(({ state }) => state), turnstile.waiting]).toEqual(['in', 'in', 'in', 'in', 0]);
  });

  it('are waited for no longer than a minute, what was waited before included', async () => {
    const { clock, turnstile } = open({ loginsPerMinute: 1 });
    expect(
      turnstile.logIn({ asker: { isWanted: true }, waitedMs: 0, replaces: false }, signal),
    ).toBeUndefined();
    await clock.advance(30_000);
    expect(() =>
      turnstile.logIn({ asker: { isWanted: true }, waitedMs: 30_001, replaces: false }, signal),
    ).toThrow(busy);
    const login = watch(
      turnstile.logIn({ asker: { isWanted: true }, waitedMs: 30_000, replaces: false }, signal),
    );
    expect(() =>
      turnstile.logIn({ asker: { isWanted: true }, waitedMs: 0, replaces: false }, signal),
    ).toThrow(busy);
    await clock.advance(30_000);
    expect(login.state).toBe('in');
  });

  it('are waited for by no more than four, those who wait for their turn included', async () => {
    const { turnstile } = open({ sessions: 4, loginsPerMinute: 3 });
    const inside = Array.from({ length: 4 }, () => turnstile.enter(here));
    for (let count = 0; count < 3; count++)
      expect(
        turnstile.logIn({ asker: { isWanted: true }, waitedMs: 0, replaces: false }, signal),
      ).toBeUndefined();
    const waiting = [
      turnstile.enter(here),
      turnstile.logIn({ asker: { isWanted: true }, waitedMs: 0, replaces: false }, signal),
      turnstile.enter(here),
    ].map(watch);
    expect([inside.length, turnstile.waiting]).toEqual([4, 3]);
    waiting.push(watch(turnstile.enter(here)));
    expect(() =>
      turnstile.logIn({ asker: { isWanted: true }, waitedMs: 0, replaces: false }, signal),
    ).toThrow(busy);
    expect(() => turnstile.enter(here)).toThrow(busy);
    turnstile.leave();
    await settle();
    expect(waiting.map(({ state }) => state)).toEqual(['in', 'waiting', 'waiting', 'waiting']);
    expect(watch(turnstile.enter(here)).state).toBe('waiting');
  });

  it('that are given up make room', async () => {
    const { turnstile } = open({ loginsPerMinute: 1 });
    const stop = new AbortController();
    expect(
      turnstile.logIn({ asker: { isWanted: true }, waitedMs: 0, replaces: false }, signal),
    ).toBeUndefined();
    const login = turnstile.logIn({ asker: { isWanted: true }, waitedMs: 0, replaces: false }, stop.signal);
    stop.abort(new AppError('upstream-lost', 'stopping'));
    await expect(login).rejects.toThrow('stopping');
    expect(turnstile.waiting).toBe(0);
  });
});

describe('the concurrency that the README gives Postfix for a Microsoft 365 mailbox', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const advised = Number(/^smtp_destination_concurrency_limit = (\d+)$/m.exec(readme)?.[1]);

  /** How many of a hundred messages, sent by so many at once as fast as they may, are sent away. */
  async function sentAway(concurrency: number): Promise<number> {
    const { clock, turnstile } = open(outlook.pace);
    let messages = 100;
    let refused = 0;
    const deliver = async () => {
      while (messages-- > 0) {
        try {
          await turnstile.enter(here);
          await sleep(clock, 300);
          turnstile.leave();
        } catch {
          refused++;
        }
      }
    };
    const agents = Promise.all(Array.from({ length: concurrency }, deliver));
    await settle();
    await clock.advance(10 * 60_000);
    await agents;
    return refused;
  }

  it('has a queue wait for its rate, and no message deferred', async () => {
    expect([await sentAway(advised), (await sentAway(advised + 1)) > 0]).toEqual([0, true]);
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
