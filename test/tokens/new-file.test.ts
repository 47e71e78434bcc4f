import { chown, chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { Secret } from '../../src/core/secret.js';
import { withLock } from '../../src/tokens/lock.js';
import { checkTokenFileWritable, createTokenFile } from '../../src/tokens/new-file.js';
import { eventually, type TemporaryDirectory, temporaryDirectory } from '../support/process.js';
import { VirtualClock } from '../support/virtual-clock.js';

let root: TemporaryDirectory;
let path: string;

beforeEach(async () => {
  root = await temporaryDirectory();
  path = join(root.path, 'a@b.example');
});
afterEach(() => root.remove());

const isRoot = process.getuid?.() === 0;
const fields = { refresh_token: new Secret('R1'), client_id: 'id' };
const fresh = { overwrite: false, clock: systemClock, random: Math.random };
const over = { ...fresh, overwrite: true };

async function json(): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

it('makes a file that only its owner reads, under any umask', async () => {
  const umask = process.umask(0o000);
  try {
    await createTokenFile(path, fields, fresh);
  } finally {
    process.umask(umask);
  }
  expect(await json()).toEqual({ refresh_token: 'R1', client_id: 'id' });
  expect((await stat(path)).mode & 0o7777).toBe(0o600);
  expect(await readdir(root.path)).toEqual(['a@b.example']);
});

it.runIf(isRoot)('gives the file to the owner and group of its directory when run as root', async () => {
  await chown(root.path, 1234, 4321);
  await createTokenFile(path, fields, fresh);
  expect(await stat(path)).toMatchObject({ uid: 1234, gid: 4321 });
});

it('makes the file that a symlink waits for', async () => {
  await mkdir(join(root.path, 'chroot'));
  await symlink('chroot/token', path);
  await checkTokenFileWritable(path, fresh);
  await createTokenFile(path, fields, fresh);
  expect(await readlink(path)).toBe('chroot/token');
  expect(await json()).toEqual({ refresh_token: 'R1', client_id: 'id' });
});

describe('with a file there already', () => {
  beforeEach(() => writeFile(path, '{"user":"u","refresh_token":"R0","note":1}'));

  it('refuses to replace it, before and after the sign-in', async () => {
    const refusal = {
      code: 'token-exists',
      hint: expect.stringContaining('--overwrite-existing-token') as string,
    };
    await expect(checkTokenFileWritable(path, fresh)).rejects.toMatchObject(refusal);
    await expect(createTokenFile(path, fields, fresh)).rejects.toMatchObject(refusal);
    expect(await json()).toMatchObject({ refresh_token: 'R0' });
    expect(await readdir(root.path)).toEqual(['a@b.example']);
  });

  it('overwrites the token and keeps every other field, the owner and the mode', async () => {
    await chmod(path, 0o640);
    if (isRoot) await chown(path, 1234, 4321);
    await checkTokenFileWritable(path, over);
    await createTokenFile(path, fields, over);
    expect(await json()).toEqual({ user: 'u', refresh_token: 'R1', note: 1, client_id: 'id' });
    const { gid, mode, uid } = await stat(path);
    expect(mode & 0o7777).toBe(0o640);
    expect([uid, gid]).toEqual(isRoot ? [1234, 4321] : [process.getuid!(), process.getgid!()]);
  });

  it.each(['', 'not JSON'])(
    'overwrites one that says %j, for a new sign-in is what mends it',
    async (text) => {
      await writeFile(path, text);
      await createTokenFile(path, fields, over);
      expect(await json()).toEqual({ refresh_token: 'R1', client_id: 'id' });
    },
  );

  it('waits for a refresh under way, but not for ever', async () => {
    const clock = new VirtualClock();
    await withLock(path, { clock, random: Math.random }, async () => {
      const writing = createTokenFile(path, fields, { ...over, clock });
      await eventually('the wait', () => (clock.nextTimerMs! < 200 ? true : undefined));
      expect(await json()).toMatchObject({ refresh_token: 'R0' });
      await clock.advanceUntil(writing, 500);
      expect(clock.monotonic()).toBeGreaterThan(34_000);
    });
    expect(await json()).toMatchObject({ refresh_token: 'R1' });
  });
});

it.each([
  ['there is no directory', () => join(root.path, 'none', 'x'), 'install -d'],
  ['a directory has the name', () => root.path, 'move it away'],
  ['a file stands where a directory must', () => join(path, 'x'), 'make the directory'],
])('says so before anyone signs in when %s', async (_name, where, hint) => {
  if (hint === 'make the directory') await writeFile(path, '');
  await expect(checkTokenFileWritable(where(), over)).rejects.toMatchObject({
    code: 'token-unwritable',
    hint: expect.stringContaining(hint) as string,
  });
});

it.runIf(isRoot)('says so before anyone signs in when the directory belongs to another', async () => {
  process.seteuid!(65_534);
  try {
    await expect(checkTokenFileWritable(path, fresh)).rejects.toMatchObject({
      code: 'token-unwritable',
      hint: expect.stringContaining(`chown 65534 ${root.path}`) as string,
    });
  } finally {
    process.seteuid!(0);
  }
});

it('lets only one of two that sign in at once make the file', async () => {
  const results = await Promise.allSettled([1, 2].map(() => createTokenFile(path, fields, fresh)));
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
});
