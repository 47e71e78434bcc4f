import { expect, it } from 'vitest';
import { Turns } from '../../../src/tokens/postgres/turns.js';

/** Work that ends when it is told to. */
function work() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { end, run: () => ended };
}

it('who is in a hurry goes before those who came earlier, and no more than the most at a time', async () => {
  const turns = new Turns(1);
  const first = work();
  const order: string[] = [];
  const begin = (name: string) => () => Promise.resolve(void order.push(name));
  const all = [
    turns.run(false, first.run),
    turns.run(false, begin('patient')),
    turns.run(true, begin('urgent')),
    turns.run(true, begin('urgent too')),
  ];
  await Promise.resolve();
  expect(order).toEqual([]);
  first.end();
  await Promise.all(all);
  expect(order).toEqual(['urgent', 'urgent too', 'patient']);
});

it('a failure ends the wait of the patient only, and the turn of a failed one goes on', async () => {
  const turns = new Turns(1);
  const first = work();
  const holding = turns.run(false, first.run);
  const patient = turns.run(false, () => Promise.resolve('patient'));
  const urgent = turns.run(true, () => Promise.reject(new Error('of its own')));
  turns.failWaiting(new Error('away'));
  await expect(patient).rejects.toThrow('away');
  first.end();
  await holding;
  await expect(urgent).rejects.toThrow('of its own');
  expect(await turns.run(false, () => Promise.resolve('free'))).toBe('free');
});
