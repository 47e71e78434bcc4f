import { mkdir, rename, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { type DirectoryWatch, watchDirectories } from '../../src/refresh/watch.js';
import { type TemporaryDirectory, temporaryDirectory } from '../support/process.js';

import { VirtualClock } from '../support/virtual-clock.js';
import { recordingLogger } from '../support/recording-logger.js';

let root: TemporaryDirectory;
let directory: string;
let watch: DirectoryWatch;
let changes: number;
let logger: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  root = await temporaryDirectory();
  directory = join(root.path, 'tokens');
  await mkdir(directory);
  changes = 0;
  logger = recordingLogger();
  watch = watchDirectories({ clock: systemClock, logger, onChange: () => changes++ });
});
afterEach(async () => {
  watch.close();
  await root.remove();
});

/** Whether a change is heard of within a second; what was heard before does not count. */
async function heard(change: () => Promise<unknown>): Promise<boolean> {
  const before = changes;
  await change();
  const hear = () => changes > before || Promise.reject(new Error('nothing was heard'));
  return vi.waitFor(hear, { timeout: 1000, interval: 20 });
}

/** Follows the directories, and lets the news of having begun to watch them pass. */
async function follow(...directories: string[]): Promise<void> {
  await heard(() => watch.follow(directories));
}

it('hears of files that are made, changed, replaced and removed', async () => {
  await follow(directory);
  const file = join(directory, 'a@b.example');
  expect(await heard(() => writeFile(file, '1'))).toBe(true);
  expect(await heard(() => writeFile(file, '2'))).toBe(true);
  await writeFile(join(root.path, 'new'), '3');
  expect(await heard(() => rename(join(root.path, 'new'), file))).toBe(true);
  expect(await heard(() => rm(file))).toBe(true);
});

it('names the files, where nothing else can have changed', async () => {
  const told: (ReadonlySet<string> | undefined)[] = [];
  watch.close();
  watch = watchDirectories({ clock: systemClock, logger, onChange: (paths) => void told.push(paths) });
  await watch.follow([directory]);
  await vi.waitFor(() => expect(told).toEqual([undefined]));
  await writeFile(join(directory, 'a@b.example'), '1');
  await writeFile(join(directory, 'c@b.example'), '2');
  const named = () => new Set(told.slice(1).flatMap((paths) => [...(paths ?? ['anything'])]));
  const both = new Set([join(directory, 'a@b.example'), join(directory, 'c@b.example')]);
  await vi.waitFor(() => expect(named()).toEqual(both));
});

it('hears of what happened between the first look and the watch', async () => {
  expect(await heard(() => watch.follow([directory]))).toBe(true);
});

it('hears of a directory that is made later, and of files in it', async () => {
  await rmdir(directory);
  await watch.follow([directory]);
  expect(await heard(() => mkdir(directory))).toBe(true);
  await watch.follow([directory]);
  expect(await heard(() => writeFile(join(directory, 'a@b.example'), ''))).toBe(true);
});

it('hears of a directory that is removed and made again', async () => {
  await follow(directory);
  expect(await heard(() => rmdir(directory))).toBe(true);
  await watch.follow([directory]);
  expect(await heard(() => mkdir(directory))).toBe(true);
  await watch.follow([directory]);
  expect(await heard(() => writeFile(join(directory, 'a@b.example'), ''))).toBe(true);
});

it('hears of files in a directory that was replaced by another of the same number', async () => {
  await follow(directory);
  await rmdir(directory);
  await mkdir(directory);
  await follow(directory);
  expect(await heard(() => writeFile(join(directory, 'a@b.example'), ''))).toBe(true);
});

it('looks anew where a path leads to another directory by now', async () => {
  const link = join(root.path, 'link');
  await mkdir(join(root.path, 'other'));
  await symlink('tokens', link);
  await follow(link);
  await symlink('other', join(root.path, 'next'));
  await rename(join(root.path, 'next'), link);
  await follow(link);
  expect(await heard(() => writeFile(join(root.path, 'other', 'a@b.example'), ''))).toBe(true);
});

it('takes the files of a refresh for nothing new', async () => {
  await follow(directory);
  const before = changes;
  await writeFile(join(directory, '.a@b.example.lock'), '');
  await writeFile(join(directory, '.a@b.example.12345678.tmp'), '');
  await rm(join(directory, '.a@b.example.lock'));
  // Only after something else has been heard is it certain that nothing was heard of these.
  expect(await heard(() => writeFile(join(directory, 'a@b.example'), ''))).toBe(true);
  expect(changes).toBe(before + 1);
});

it('no longer hears of a directory that it no longer follows', async () => {
  const other = join(root.path, 'other');
  await mkdir(other);
  await follow(directory, other);
  await watch.follow([other]);
  const before = changes;
  await writeFile(join(directory, 'a@b.example'), '');
  expect(await heard(() => writeFile(join(other, 'a@b.example'), ''))).toBe(true);
  expect(changes).toBe(before + 1);
});

it('looks every 30 s in any case, for a file system that tells nothing', async () => {
  const clock = new VirtualClock();
  let looks = 0;
  const silent = watchDirectories({ clock, logger, onChange: () => looks++ });
  await clock.advance(90_200);
  expect(looks).toBe(3);
  silent.close();
  expect(clock.nextTimerMs).toBeUndefined();
});

it('looks less often where a look takes long', async () => {
  const clock = new VirtualClock();
  let looks = 0;
  watch.close();
  watch = watchDirectories({
    clock,
    logger,
    async onChange() {
      looks++;
      await clock.advance(1_000);
    },
  });
  await clock.advance(30_200);
  await vi.waitFor(() => expect(looks).toBe(1));
  await clock.advance(30_200);
  const afterOne = looks;
  await clock.advance(500_000);
  expect(afterOne).toBe(2);
  expect(looks).toBe(2);
  await clock.advance(600_000);
  expect(looks).toBe(3);
});

it('counts many events as one change', async () => {
  await follow(directory);
  const before = changes;
  await heard(async () => {
    for (let n = 0; n < 20; n++) await writeFile(join(directory, `${n}@b.example`), '');
  });
  expect(changes - before).toBeLessThan(5);
});
