/** How long a browser that was let in stays so, and how many are remembered. */
import type { IncomingMessage } from 'node:http';
import { beforeEach, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { Access } from '../../src/status/access.js';
import { VirtualClock } from '../support/virtual-clock.js';

const minuteMs = 60_000;
let clock: VirtualClock;
let access: Access;

beforeEach(() => {
  clock = new VirtualClock();
  access = new Access(new Secret('the-key-of-this-daemon'), clock);
});

const enter = (ticket = access.issueTicket()) => access.exchange(ticket)?.split(';')[0] ?? 'none';
const isIn = (cookie: string) => access.admits({ headers: { cookie } } as IncomingMessage);

it('lets in for five minutes after the URL was made', async () => {
  const [early, late] = [access.issueTicket(), access.issueTicket()];
  await clock.advance(5 * minuteMs - 1);
  expect(isIn(enter(early))).toBe(true);
  await clock.advance(1);
  expect(enter(late)).toBe('none');
});

it('knows a browser again for twelve hours', async () => {
  const cookie = enter();
  await clock.advance(12 * 60 * minuteMs - 1);
  expect(isIn(`theme=dark; ${cookie}; lang=en`)).toBe(true);
  await clock.advance(1);
  expect(isIn(cookie)).toBe(false);
});

it('remembers a hundred, and forgets the oldest', () => {
  const first = enter();
  const second = enter();
  for (let count = 2; count <= 100; count++) enter();
  expect([isIn(first), isIn(second)]).toEqual([false, true]);
  const unused = access.issueTicket();
  for (let count = 1; count <= 100; count++) access.issueTicket();
  expect(enter(unused)).toBe('none');
});
