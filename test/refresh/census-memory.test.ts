import { rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { mapConcurrently } from '../../src/core/concurrently.js';
import { CensusMemory, isSettled } from '../../src/refresh/census-memory.js';
import { readTokenText } from '../../src/tokens/read-file.js';
import { type TemporaryDirectory, temporaryDirectory } from '../support/process.js';
import { testAccount } from '../support/token-files.js';

const account = testAccount('/t/a@b.example');

let root: TemporaryDirectory;
let path: string;
let memory: CensusMemory;
let now: number;

beforeEach(async () => {
  root = await temporaryDirectory();
  path = join(root.path, 'a@b.example');
  await writeFile(path, '{}');
  now = Date.now() + 10_000;
  memory = new CensusMemory(systemClock);
});
afterEach(() => root.remove());

async function note(): Promise<void> {
  memory.note(path, account, (await readTokenText(path)).stamp, now);
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

it('does not know a file that has changed and was given its old time again', async () => {
  await utimes(path, 1e9, 1e9);
  await note();
  const { ctimeMs } = await stat(path);
  do {
    await writeFile(path, '[]');
    await utimes(path, 1e9, 1e9);
  } while ((await stat(path)).ctimeMs === ctimeMs);
  expect(await memory.recall(path)).toBeUndefined();
});

it('looks at many, now and in the background, and sees in either way which have changed', async () => {
  const paths = Array.from({ length: 200 }, (_, number) => join(root.path, `${number}@b.example`));
  for (const each of paths) {
    await writeFile(each, '{}');
    memory.note(each, account, (await readTokenText(each)).stamp, now);
  }
  const changed = paths.filter((_, number) => number % 7 === 0);
  for (const each of changed) await writeFile(each, '[1]');
  await rm(paths[1]!);
  const known: string[] = [];
  for (const each of paths) if ((await memory.recall(each)) !== undefined) known.push(each);
  expect(known).toEqual(paths.filter((each) => each !== paths[1] && !changed.includes(each)));
});

it('does not know a file that may change again and look the same', async () => {
  now = (await readTokenText(path)).stamp.changedAt + 1;
  await note();
  expect(await memory.recall(path)).toBeUndefined();
});

it('knows how soon that is over by what the file system can tell apart', () => {
  expect(isSettled({ changedAt: 1_000 }, 2_000)).toBe(false);
  expect(isSettled({ changedAt: 1_000 }, 3_000)).toBe(true);
  expect(isSettled({ changedAt: 1_000.5 }, 1_010)).toBe(false);
  expect(isSettled({ changedAt: 1_000.5 }, 1_025)).toBe(true);
});

it('does not know what could not be used, nor what is gone', async () => {
  await note();
  memory.forget(path);
  expect(await memory.recall(path)).toBeUndefined();
  await note();
  await rm(path);
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
