import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mapConcurrently } from '../../src/core/concurrently.js';
import { CensusMemory } from '../../src/refresh/census-memory.js';
import { readTokenText } from '../../src/tokens/read-file.js';
import { type TemporaryDirectory, temporaryDirectory } from '../support/process.js';
import { testAccount } from '../support/token-files.js';
import { VirtualClock } from '../support/virtual-clock.js';

const account = testAccount('/t/a@b.example');

let root: TemporaryDirectory;
let path: string;
let memory: CensusMemory;
const clock = new VirtualClock();

beforeEach(async () => {
  root = await temporaryDirectory();
  path = join(root.path, 'a@b.example');
  await writeFile(path, '{}');
  memory = new CensusMemory(clock);
});
afterEach(() => root.remove());

/** Of the file as it is, but for the time that has passed since its last change. */
async function note(ageMs = 10_000): Promise<void> {
  const { stamp } = await readTokenText(path);
  memory.note(path, account, { ...stamp, changedAt: clock.now() - ageMs });
}

it('knows a file that is as it was when it was read', async () => {
  expect(await memory.recall(path)).toBeUndefined();
  await note();
  expect(await memory.recall(path)).toBe(account);
});

it('does not know a file that has changed, however long it is', async () => {
  await note();
  await writeFile(path, '[]');
  expect(await memory.recall(path)).toBeUndefined();
});

it('does not know a file that may change again and look the same, by what its file system can tell apart', async () => {
  await note(1_000);
  expect(await memory.recall(path)).toBeUndefined();
  await note(1_000.5);
  expect(await memory.recall(path)).toBe(account);
  await note(0.5);
  expect(await memory.recall(path)).toBeUndefined();
});

it('does not know what could not be used, nor what is gone', async () => {
  await note();
  memory.forget(path);
  expect(await memory.recall(path)).toBeUndefined();
  await note();
  memory.keepOnly(new Set());
  expect(await memory.recall(path)).toBeUndefined();
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
