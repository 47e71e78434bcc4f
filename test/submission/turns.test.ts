import { describe, expect, it } from 'vitest';
import { Turns } from '../../src/submission/turns.js';
import { VirtualClock } from '../support/virtual-clock.js';

const crowded = () => new Error('crowded');

/** Work of which each piece ends when it is told to. */
class Pieces {
  readonly begun: number[] = [];
  readonly #ends = new Map<number, () => void>();

  readonly piece = (number: number) => () =>
    new Promise<number>((resolve) => {
      this.begun.push(number);
      this.#ends.set(number, () => resolve(number));
    });

  async end(number: number): Promise<void> {
    this.#ends.get(number)!();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('work in turns', () => {
  it('is done a few at a time, in the order in which it came', async () => {
    const [turns, pieces] = [new Turns({ atOnce: 2, waiting: 9 }), new Pieces()];
    const all = [0, 1, 2, 3, 4].map((number) => turns.run(pieces.piece(number), crowded));
    expect(pieces.begun).toEqual([0, 1]);
    for (const [ended, begun] of [
      [1, 3],
      [0, 4],
      [2, 5],
      [3, 5],
      [4, 5],
    ] as const) {
      await pieces.end(ended);
      expect(pieces.begun).toEqual([0, 1, 2, 3, 4].slice(0, begun));
    }
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4]);
    // Nothing is left of them.
    void [5, 6, 7].map((number) => turns.run(pieces.piece(number), crowded));
    expect(pieces.begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('goes on when a piece of it fails', async () => {
    const turns = new Turns({ atOnce: 1, waiting: 9 });
    const failing = turns.run(() => Promise.reject(new Error('broken')), crowded);
    const next = turns.run(() => Promise.resolve('done'), crowded);
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe('done');
  });

  it('is not done where too much of it waits', async () => {
    const [turns, pieces] = [new Turns({ atOnce: 1, waiting: 1 }), new Pieces()];
    const [, waits] = [0, 1].map((number) => turns.run(pieces.piece(number), crowded));
    await expect(turns.run(pieces.piece(2), crowded)).rejects.toThrow('crowded');
    await pieces.end(0);
    await pieces.end(1);
    expect(await waits).toBe(1);
  });

  it('is not done when it has waited too long', async () => {
    const clock = new VirtualClock();
    const turns = new Turns({ atOnce: 1, waiting: 9, patience: { clock, ms: 1000 } });
    const pieces = new Pieces();
    const first = turns.run(pieces.piece(0), crowded);
    const impatient = turns.run(pieces.piece(1), crowded);
    const failure = impatient.catch((error: unknown) => error);
    await clock.advance(999);
    const patient = turns.run(pieces.piece(2), crowded);
    await clock.advance(1);
    expect(await failure).toEqual(crowded());
    await pieces.end(0);
    expect(pieces.begun).toEqual([0, 2]);
    // What has begun may take its time.
    expect(clock.nextTimerMs).toBeUndefined();
    await pieces.end(2);
    expect([await first, await patient]).toEqual([0, 2]);
  });
});
