import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mapConcurrently } from '../../src/core/concurrently.js';
import { systemClock } from '../../src/core/clock.js';
import type { Found } from '../../src/refresh/census.js';
import { CensusMemory } from '../../src/refresh/census-memory.js';
import { type TemporaryDirectory, temporaryDirectory } from '../support/process.js';

let root: TemporaryDirectory;
let path: string;
let aheadMs: number;
let reads: number;
let memory: CensusMemory;

beforeEach(async () => {
  root = await temporaryDirectory();
  path = join(root.path, 'a@b.example');
  await writeFile(path, 'one');
  aheadMs = 10_000;
  reads = 0;
  memory = new CensusMemory({ ...systemClock, now: () => Date.now() + aheadMs });
});
afterEach(() => root.remove());

const usable = (): Promise<Found> => {
  reads++;
  // Only whether there is `stored` is asked.
  return Promise.resolve({ path, account: {}, store: {}, stored: {} } as unknown as Found);
};
const broken = (): Promise<Found> => {
  reads++;
  return Promise.resolve({ path, account: {} } as unknown as Found);
};

it('reads a file that is as it was but once', async () => {
  const first = await memory.recall(path, usable);
  expect(await memory.recall(path, usable)).toBe(first);
  expect(reads).toBe(1);
});

it('reads a file that has changed, however long it is', async () => {
  const first = await memory.recall(path, usable);
  await writeFile(path, 'two');
  expect(await memory.recall(path, usable)).not.toBe(first);
});

it('reads a file again that was changed a moment before it was read', async () => {
  aheadMs = 0;
  await memory.recall(path, usable);
  await memory.recall(path, usable);
  expect(reads).toBe(2);
});

it('reads what could not be used, and what was gone meanwhile', async () => {
  await memory.recall(path, broken);
  await memory.recall(path, usable);
  expect(reads).toBe(2);
  memory.keepOnly(new Set());
  await memory.recall(path, usable);
  expect(reads).toBe(3);
});

it('does so many at a time, in order, and tells of the first failure', async () => {
  let [atOnce, most] = [0, 0];
  const doubled = await mapConcurrently([3, 1, 2, 0], 2, async (number) => {
    most = Math.max(most, ++atOnce);
    await new Promise((resolve) => setTimeout(resolve, number));
    atOnce--;
    return number * 2;
  });
  expect(doubled).toEqual([6, 2, 4, 0]);
  expect(most).toBe(2);
  const failing = mapConcurrently([1, 2], 2, (number) => Promise.reject(new Error(`no ${number}`)));
  await expect(failing).rejects.toThrow('no 1');
});
