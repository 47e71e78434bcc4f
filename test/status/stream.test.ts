import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { EventStream } from '../../src/status/stream.js';
import { VirtualClock } from '../support/virtual-clock.js';

it('looks once for all who look, writes each view once, and nothing that is as it was', async () => {
  const clock = new VirtualClock();
  let looks = 0;
  const stream = new EventStream(clock, () => ++looks);
  const written: string[] = [];
  const view = (key: string, show: (moment: number) => string) => ({
    key,
    show: (moment: number) => {
      written.push(`${key}${moment}`);
      return show(moment);
    },
  });
  const open = (key: string, show: (moment: number) => string) => {
    const viewer = new PassThrough().setEncoding('utf8');
    expect(stream.add(viewer, view(key, show))).toBe(true);
    return viewer;
  };
  const [one, two] = [open('all', String), open('all', String)];
  const still = open('still', () => 'as ever');
  expect([one.read(), two.read(), still.read()]).toEqual(['data: 1\n\n', 'data: 2\n\n', 'data: as ever\n\n']);
  await clock.advance(2_000);
  expect(looks).toBe(4);
  expect(written.splice(0)).toEqual(['all1', 'all2', 'still3', 'all4', 'still4']);
  expect([one.read(), two.read(), still.read()]).toEqual(['data: 4\n\n', 'data: 4\n\n', null]);
  one.destroy();
  two.destroy();
  await new Promise((resolve) => two.once('close', resolve));
  await clock.advance(2_000);
  expect(written.splice(0)).toEqual(['still5']);
  expect(still.read()).toBeNull();
  still.destroy();
  await new Promise((resolve) => still.once('close', resolve));
  await clock.advance(10_000);
  expect(looks).toBe(5);
});
