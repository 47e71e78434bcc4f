import { beforeEach, describe, expect, it } from 'vitest';
import { AttemptLimiter } from '../../src/submission/attempt-limiter.js';
import { VirtualClock } from '../support/virtual-clock.js';

let clock: VirtualClock;
let limiter: AttemptLimiter;

beforeEach(() => {
  clock = new VirtualClock();
  limiter = new AttemptLimiter(clock);
});

/** How many of `count` attempts may be made. */
function attempts(count: number, peer: string, name: (index: number) => string): number {
  let made = 0;
  for (let index = 0; index < count; index++) if (limiter.take(peer, name(index))) made++;
  return made;
}

describe('the limit on guesses', () => {
  it('stops who guesses for one name, and lets others and other addresses try', () => {
    expect(attempts(1000, '192.0.2.1', () => 'a')).toBe(10);
    expect(limiter.take('192.0.2.1', 'b')).toBe(true);
    expect(limiter.take('192.0.2.2', 'a')).toBe(true);
  });

  it('stops who guesses one password for many names', () => {
    expect(attempts(1000, '192.0.2.1', (index) => `user${index}`)).toBe(100);
    expect(limiter.take('192.0.2.2', 'user999')).toBe(true);
  });

  it('is not forgotten for any number of names that may not be guessed any more', () => {
    attempts(10, '192.0.2.1', () => 'a');
    attempts(30_000, '192.0.2.1', (index) => `user${index}`);
    attempts(30_000, '192.0.2.1', (index) => 'x'.repeat(9000) + String(index));
    expect(limiter.take('192.0.2.1', 'b')).toBe(false);
    limiter.forgive('192.0.2.1', 'b');
    expect(limiter.take('192.0.2.1', 'b')).toBe(true);
    limiter.forgive('192.0.2.1', 'b');
    expect(limiter.take('192.0.2.1', 'a')).toBe(false);
  });

  it('forgets with time, and does not count what was right', async () => {
    attempts(10, '192.0.2.1', () => 'a');
    await clock.advance(29_000);
    expect(attempts(5, '192.0.2.1', () => 'a')).toBe(0);
    await clock.advance(1_000);
    expect(attempts(5, '192.0.2.1', () => 'a')).toBe(1);
    for (let index = 0; index < 1000; index++) {
      expect(limiter.take('192.0.2.3', 'a')).toBe(true);
      limiter.forgive('192.0.2.3', 'a');
    }
  });

  it.each([
    ['2001:db8::1', '2001:db8:0:0:ffff::2', true],
    ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['::1', '::1', true],
    ['fe80::1%eth0', 'fe80::2%eth0', true],
  ])('counts %s and %s as one: %s', (one, other, same) => {
    attempts(10, one, () => 'a');
    expect(limiter.take(other, 'a')).toBe(!same);
  });
});
