import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rename, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { withLock } from '../../src/tokens/lock.js';
import { ownIdentity, type ProcessIdentity } from '../../src/tokens/process-identity.js';
import { eventually, type TemporaryDirectory, temporaryDirectory } from '../support/process.js';
import { VirtualClock } from '../support/virtual-clock.js';

let root: TemporaryDirectory;
let target: string;
let lock: string;
let children: ChildProcessByStdio<Writable, Readable, null>[];

beforeEach(async () => {
  root = await temporaryDirectory();
  target = join(root.path, 'a@b.example');
  lock = join(root.path, '.a@b.example.lock');
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await root.remove();
});

const real = { clock: systemClock, random: Math.random };

/** Takes the lock in another process; resolves when it is held. */
async function holder(): Promise<ChildProcessByStdio<Writable, Readable, null>> {
  const script = fileURLToPath(new URL('lock-holder.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, target], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

/** A lock file as someone else would have left it. */
async function leave(text: string, touchedAt: number): Promise<void> {
  await writeFile(lock, text);
  await utimes(lock, touchedAt / 1000, touchedAt / 1000);
}

async function leaveBy(changes: Partial<ProcessIdentity>, touchedAt: number): Promise<void> {
  await leave(JSON.stringify({ ...(await ownIdentity()), nonce: 'theirs', ...changes }), touchedAt);
}

async function isRefused(options: { clock: VirtualClock; random: () => number }): Promise<boolean> {
  const patience = new AbortController();
  const attempt = withLock(target, options, async () => 'had', patience.signal).catch(
    (error: unknown) => error,
  );
  // Waiting shows in the clock: the next look is a timer.
  await eventually('the wait or the lock', async () =>
    options.clock.nextTimerMs !== undefined
      ? true
      : ((await Promise.race([attempt, Promise.resolve(undefined)])) ?? undefined),
  );
  patience.abort();
  return (await attempt) !== 'had';
}

it('names its holder while it is held, and is gone afterwards', async () => {
  const result = await withLock(target, real, async () => {
    const held = JSON.parse(await readFile(lock, 'utf8')) as unknown;
    expect(held).toMatchObject({ ...(await ownIdentity()), pid: process.pid });
    return 7;
  });
  expect(result).toBe(7);
  expect(await readdir(root.path)).toEqual([]);
});

it('names its holder from the first moment, so that a process killed in it leaves no lock of nobody', async () => {
  const seen = new Set<string>();
  for (let round = 0; round < 20; round++) {
    const state = { had: false };
    const work = withLock(target, real, async () => void (state.had = true));
    while (!state.had) {
      if (existsSync(lock)) seen.add(readFileSync(lock, 'utf8'));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await work;
  }
  expect(seen).not.toContain('');
});

it('is given back when the work fails', async () => {
  await expect(withLock(target, real, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await readdir(root.path)).toEqual([]);
});

it('makes two in one process take turns', async () => {
  const steps: string[] = [];
  const work = (name: string) => async () => {
    steps.push(`${name} in`);
    await new Promise((resolve) => setImmediate(resolve));
    steps.push(`${name} out`);
  };
  await Promise.all(['a', 'b', 'c'].map((name) => withLock(target, real, work(name))));
  expect(steps.map((step) => step.slice(2))).toEqual(['in', 'out', 'in', 'out', 'in', 'out']);
});

it('waits for a living holder in another process', async () => {
  const child = await holder();
  let had = false;
  const waiting = withLock(target, real, async () => (had = true));
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(had).toBe(false);
  child.stdin.end();
  expect(await waiting).toBe(true);
});

it('says which process holds it when patience ends', async () => {
  const child = await holder();
  const signal = AbortSignal.timeout(150);
  await expect(withLock(target, real, async () => undefined, signal)).rejects.toMatchObject({
    code: 'token-locked',
    message: expect.stringContaining(`process ${child.pid}`) as string,
  });
});

it('replaces the lock of a process that was killed at once', async () => {
  const child = await holder();
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  expect(await readdir(root.path)).toEqual([basename(lock)]);
  // The virtual clock stands still: there is no waiting in this.
  const options = { clock: new VirtualClock(), random: Math.random };
  expect(await withLock(target, options, async () => 'had')).toBe('had');
  expect(await readdir(root.path)).toEqual([]);
});

describe('a lock that cannot be judged by its process', () => {
  const cases: [string, Partial<ProcessIdentity>][] = [
    ['another boot or machine', { boot: 'elsewhere', pid: 999_999_999 }],
    ['another container', { pidNamespace: 'pid:[1]', pid: 999_999_999 }],
    ['a living process of unknown start', { startTime: '' }],
  ];
  it.each(cases)('is left alone for 90 s: %s', async (_name, changes) => {
    const clock = new VirtualClock();
    await leaveBy(changes, clock.now() - 89_000);
    expect(await isRefused({ clock, random: () => 0.5 })).toBe(true);
  });
  it.each(cases)('is replaced after 90 s without a touch: %s', async (_name, changes) => {
    const clock = new VirtualClock();
    await leaveBy(changes, clock.now() - 91_000);
    expect(await isRefused({ clock, random: () => 0.5 })).toBe(false);
  });

  it('is replaced 90 s after it was first seen when its clock is ahead of ours', async () => {
    const clock = new VirtualClock();
    await leaveBy({ boot: 'elsewhere' }, clock.now() + 3_600_000);
    const waiting = withLock(target, { clock, random: () => 0.5 }, async () => clock.monotonic());
    expect(await clock.advanceUntil(waiting, 1000)).toBeGreaterThan(90_000);
  });
});

it.each([
  ['a process with the same pid that started at another time', { startTime: '1' }],
  ['a pid that no longer runs', { pid: 999_999_999 }],
])('is replaced at once when it names %s', async (_name, changes) => {
  const clock = new VirtualClock();
  await leaveBy(changes, clock.now());
  expect(await isRefused({ clock, random: () => 0.5 })).toBe(false);
});

it.each(['', 'not JSON', '{"pid": -1}', '[]'])('leaves a lock that says %j to its age', async (text) => {
  const clock = new VirtualClock();
  await leave(text, clock.now() - 1000);
  expect(await isRefused({ clock, random: () => 0.5 })).toBe(true);
  await leave(text, clock.now() - 91_000);
  expect(await isRefused({ clock, random: () => 0.5 })).toBe(false);
});

it('is touched every 20 s while held', async () => {
  const clock = new VirtualClock();
  await withLock(target, { clock, random: Math.random }, async () => {
    for (let round = 0; round < 3; round++) {
      await clock.advance(20_000);
      await vi.waitFor(async () =>
        expect(Math.abs((await stat(lock)).mtimeMs - clock.now())).toBeLessThan(10),
      );
    }
  });
});

it('puts a living lock back that took the place of the abandoned one', async () => {
  const clock = new VirtualClock();
  await leaveBy({ boot: 'elsewhere', pid: 1 }, clock.now() - 91_000);
  const living = JSON.stringify({ ...(await ownIdentity()), nonce: 'living' });
  // `random` is asked for the name to rename to, just between the judgement and the rename.
  let calls = 0;
  const random = () => {
    if (++calls === 2) swap();
    return 0.5;
  };
  const swap = () => {
    writeFileSync(join(root.path, 'next'), living);
    renameSync(join(root.path, 'next'), lock);
  };
  const patience = new AbortController();
  const attempt = withLock(target, { clock, random }, async () => 'had', patience.signal);
  attempt.catch(() => undefined);
  await eventually('the wait', () => (clock.nextTimerMs === undefined ? undefined : true));
  expect(await readFile(lock, 'utf8')).toBe(living);
  expect(await readdir(root.path)).toEqual([basename(lock)]);
  patience.abort();
  await expect(attempt).rejects.toMatchObject({ code: 'token-locked' });
});

it('does not remove the lock of another that took over while this process slept', async () => {
  await withLock(target, real, async () => {
    await rename(lock, join(root.path, 'aside'));
    await writeFile(lock, 'theirs');
  });
  expect(await readFile(lock, 'utf8')).toBe('theirs');
});

it('never follows a symlink that lies where the lock belongs', async () => {
  const clock = new VirtualClock();
  await symlink(join(root.path, 'victim'), lock);
  expect(await isRefused({ clock, random: () => 0.5 })).toBe(true);
  expect(await readdir(root.path)).toEqual([basename(lock)]);
});

it('reports a directory that cannot be written before anything else happens', async () => {
  target = join(root.path, 'file', 'a@b.example');
  await writeFile(join(root.path, 'file'), '');
  await expect(withLock(target, real, async () => undefined)).rejects.toMatchObject({
    code: 'token-unwritable',
    hint: expect.stringContaining(join(root.path, 'file')) as string,
  });
});
