import { execFile, spawnSync } from 'node:child_process';
import { constants } from 'node:fs';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { createFileStore } from '../../src/tokens/file-store.js';
import type { LockedStore, NewToken, StoredToken } from '../../src/tokens/token.js';
import { type TemporaryDirectory, temporaryDirectory } from '../support/process.js';
import { writeTokenFile } from '../support/token-files.js';
import { VirtualClock } from '../support/virtual-clock.js';

let root: TemporaryDirectory;
let path: string;
let clock: VirtualClock;

beforeEach(async () => {
  root = await temporaryDirectory();
  path = join(root.path, 'a@b.example');
  clock = new VirtualClock();
});
afterEach(() => root.remove());

const isRoot = process.getuid?.() === 0;
const newToken: NewToken = {
  accessToken: new Secret('access-1'),
  expiresAt: 2e12,
  refreshToken: new Secret('refresh-1'),
};

function store(at = path) {
  return createFileStore({ path: at, clock, random: Math.random });
}

/** A refresh, with something that happens between the question and the answer. */
function refresh(meanwhile = async (_locked: LockedStore) => {}, at = path): Promise<StoredToken> {
  return store(at).exclusively(async (locked) => {
    const reservation = await locked.reserve();
    try {
      await meanwhile(locked);
      return await reservation.commit(newToken);
    } finally {
      await reservation.release();
    }
  });
}

async function json(at = path): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(at, 'utf8')) as Record<string, unknown>;
}

describe('reading', () => {
  it('gives the token, when it was written, and a version that follows the content', async () => {
    await writeTokenFile(path, clock, 3600);
    await utimes(path, 1_700_000_000, 1_700_000_000);
    const one = await store().read();
    expect(one.accessToken?.reveal()).toBe('access-0');
    expect(one.writtenAt).toBe(1_700_000_000_000);
    await utimes(path, 1_700_000_001, 1_700_000_001);
    expect((await store().read()).version).toBe(one.version);
    await writeTokenFile(path, clock, 3600, { user: 'u' });
    expect((await store().read()).version).not.toBe(one.version);
  });

  it.each([
    ['is missing', async () => {}, 'token-missing', 'mailbearer get-token PROVIDER'],
    ['is a directory', () => mkdir(path), 'token-invalid', 'move it away'],
    ['is a symlink to nothing', () => symlink('gone', path), 'token-missing', 'get-token'],
    ['is a loop of symlinks', () => symlink('a@b.example', path), 'token-unreadable', 'namei'],
    ['is empty', () => writeFile(path, ''), 'token-invalid', '--overwrite-existing-token'],
    ['is not JSON', () => writeFile(path, 'ya29.token'), 'token-invalid', '--overwrite-existing-token'],
    ['is above 1 MiB', () => writeFile(path, ' '.repeat(2 ** 20 + 1)), 'token-invalid', 'move it away'],
    [
      'is a FIFO',
      async () => void spawnSync('mkfifo', [path], { stdio: 'ignore' }),
      'token-invalid',
      'move it away',
    ],
  ])('names the file and the remedy when it %s', async (_name, make, code, hint) => {
    await make();
    await expect(store().read()).rejects.toMatchObject({
      code,
      message: expect.stringContaining(path) as string,
      hint: expect.stringContaining(hint) as string,
    });
  });

  it('reads a file without refresh_token, for there are grants without', async () => {
    await writeFile(path, '{"access_token": "A"}');
    expect((await store().read()).refreshToken).toBeUndefined();
  });
});

describe('writing', () => {
  it('stores the token, and says what a reader will see', async () => {
    await writeTokenFile(path, clock, 0);
    clock.leap(100_000);
    const stored = await refresh();
    expect(await json()).toEqual({
      access_token: 'access-1',
      expiry: '2000000000',
      refresh_token: 'refresh-1',
    });
    expect(await store().read()).toEqual(stored);
    expect(stored.writtenAt).toBe(clock.now());
    expect(await readdir(root.path)).toEqual(['a@b.example']);
  });

  it('defect 12: keeps unknown fields, also those that came while the server was asked', async () => {
    await writeTokenFile(path, clock, 0, { note: 'mine', scope: 's' });
    await refresh(() => writeTokenFile(path, clock, 0, { note: 'changed', other: [1] }));
    expect(await json()).toMatchObject({ access_token: 'access-1', note: 'changed', other: [1] });
  });

  it('defect 12: replaces the file that a symlink leads to, not the symlink', async () => {
    await mkdir(join(root.path, 'chroot'));
    const real = join(root.path, 'chroot', 'token');
    await writeTokenFile(real, clock, 0);
    await symlink('chroot/token', path);
    await refresh();
    expect(await readlink(path)).toBe('chroot/token');
    expect(await json(real)).toMatchObject({ access_token: 'access-1' });
    expect(await readdir(join(root.path, 'chroot'))).toEqual(['token']);
  });

  it.each([0o600, 0o640, 0o660])('defect 12: keeps mode %o under any umask', async (mode) => {
    await writeTokenFile(path, clock, 0);
    await chmod(path, mode);
    const umask = process.umask(0o077);
    try {
      await refresh();
    } finally {
      process.umask(umask);
    }
    expect((await stat(path)).mode & 0o7777).toBe(mode);
  });

  it.runIf(isRoot)('defect 12: keeps owner and group when run as root', async () => {
    await writeTokenFile(path, clock, 0);
    await chown(path, 1234, 4321);
    await refresh();
    expect(await stat(path)).toMatchObject({ uid: 1234, gid: 4321 });
  });

  it.runIf(isRoot)('does not ask when the owner could not be kept, and names User= and chown', async () => {
    await writeTokenFile(path, clock, 0);
    await chmod(path, 0o644);
    await chmod(root.path, 0o777);
    // Only the effective ids count for files; the saved ones lead back.
    process.setegid!(65_534);
    process.seteuid!(65_534);
    try {
      await expect(refresh()).rejects.toMatchObject({
        code: 'token-unwritable',
        message: expect.stringContaining('cannot keep its owner 0') as string,
        hint: expect.stringMatching(/User=0 .* chown 65534:/) as string,
      });
    } finally {
      process.seteuid!(0);
      process.setegid!(0);
    }
    expect(await json()).toMatchObject({ access_token: 'access-0' });
    expect(await readdir(root.path)).toEqual(['a@b.example']);
  });

  it.runIf(isRoot)('defect 3: does not ask when the directory is not writable', async () => {
    await writeTokenFile(path, clock, 0);
    await chown(path, 65_534, 65_534);
    process.seteuid!(65_534);
    try {
      await expect(refresh()).rejects.toMatchObject({
        code: 'token-unwritable',
        hint: expect.stringContaining(`chown 65534 ${root.path}`) as string,
      });
    } finally {
      process.seteuid!(0);
    }
  });

  it('defect 12: writes nothing through a name that is taken', async () => {
    await writeTokenFile(path, clock, 0);
    const victim = join(root.path, 'victim');
    await writeFile(victim, 'precious');
    await symlink(victim, join(root.path, `.a@b.example.${'0'.repeat(8)}.tmp`));
    const unlucky = createFileStore({ path, clock, random: () => 0 });
    await expect(unlucky.exclusively((locked) => locked.reserve())).rejects.toMatchObject({
      code: 'token-unwritable',
    });
    expect(await readFile(victim, 'utf8')).toBe('precious');
  });

  it('sets aside room for tokens that grow, in a file only its owner reads', async () => {
    await writeTokenFile(path, clock, 0);
    await refresh(async () => {
      const [name] = (await readdir(root.path)).filter((name) => name.endsWith('.tmp'));
      const { blocks, mode, size } = await lstat(join(root.path, name!));
      expect(mode & 0o777).toBe(0o600);
      expect(size).toBeGreaterThan(16 * 1024);
      expect(blocks * 512).toBeGreaterThanOrEqual(16 * 1024);
    });
  });

  it('leaves nothing behind when the server gave no token', async () => {
    await writeTokenFile(path, clock, 0);
    const reserve = (locked: LockedStore) => locked.reserve().then((reservation) => reservation.release());
    await store().exclusively(reserve);
    expect(await readdir(root.path)).toEqual(['a@b.example']);
    expect(await json()).toMatchObject({ access_token: 'access-0' });
  });

  it('removes what a killed process left, but nothing recent', async () => {
    await writeTokenFile(path, clock, 0);
    const [old, recent] = ['aaaaaaaa', 'bbbbbbbb'].map((word) => join(root.path, `.a@b.example.${word}.tmp`));
    await writeFile(old!, '{}');
    await writeFile(recent!, '{}');
    await writeFile(join(root.path, '.a@b.example.notes.tmp'), 'of another kind');
    await utimes(old!, clock.now() / 1000 - 700, clock.now() / 1000 - 700);
    await refresh();
    expect(await readdir(root.path)).toEqual([
      '.a@b.example.bbbbbbbb.tmp',
      '.a@b.example.notes.tmp',
      'a@b.example',
    ]);
  });

  it('heals a file that was emptied while the server was asked', async () => {
    await writeTokenFile(path, clock, 0, { user: 'u' });
    await refresh(() => truncate(path));
    expect(await json()).toMatchObject({ access_token: 'access-1', user: 'u' });
  });

  it('does not bring back a file that was removed while the server was asked', async () => {
    await writeTokenFile(path, clock, 0);
    await expect(refresh(() => rm(path))).rejects.toMatchObject({ code: 'token-missing' });
    expect(await readdir(root.path)).toEqual([]);
  });

  it('follows a symlink that was changed meanwhile on the next attempt, not with this one', async () => {
    const [one, two] = [join(root.path, 'one'), join(root.path, 'two')];
    await writeTokenFile(one, clock, 0);
    await writeTokenFile(two, clock, 0);
    await symlink('one', path);
    const repoint = async () => {
      await symlink('two', join(root.path, 'link'));
      await rename(join(root.path, 'link'), path);
    };
    await expect(refresh(repoint)).rejects.toMatchObject({ code: 'token-unwritable' });
    await refresh();
    expect(await json(one)).toMatchObject({ access_token: 'access-0' });
    expect(await json(two)).toMatchObject({ access_token: 'access-1' });
  });

  it('never lets a reader see anything but a whole file', async () => {
    await writeTokenFile(path, clock, 0);
    const reader = await open(path, constants.O_RDONLY);
    await refresh();
    expect(JSON.parse(await reader.readFile('utf8'))).toMatchObject({ access_token: 'access-0' });
    await reader.close();
  });

  it('fails to commit, without harm, when the directory went away', async () => {
    const directory = join(root.path, 'd');
    const inner = join(directory, 'a@b.example');
    await mkdir(directory);
    await writeTokenFile(inner, clock, 0);
    await expect(refresh(() => rm(directory, { recursive: true }), inner)).rejects.toMatchObject({
      code: 'token-missing',
    });
  });
});

describe('defect 2: a full disk', () => {
  const script = fileURLToPath(new URL('full-disk.mjs', import.meta.url));
  const namespaces = spawnSync('unshare', ['-rm', 'true']).status === 0;

  interface Ended {
    readonly ended: string;
    readonly names: string[];
    readonly token: Record<string, string>;
  }

  async function shell(command: string): Promise<Ended> {
    const args = [process.execPath, script, root.path];
    const { stdout } = await promisify(execFile)('bash', ['-c', command, 'bash', ...args]);
    return JSON.parse(stdout) as Ended;
  }

  /** On a file system of 128 KiB that no one else sees. */
  function onSmallDisk(when: 'before' | 'after'): Promise<Ended> {
    const inside =
      'mount -t tmpfs -o size=128k tmpfs "$3" && printf \'{"refresh_token":"old"}\' >"$3/a@b.example"';
    return shell(
      `exec unshare -rm bash -c '${inside.replaceAll("'", `'\\''`)} && exec "$@"' bash "$@" ${when}`,
    );
  }

  it('is found out before anything is asked, and leaves the file whole', async () => {
    await writeFile(path, '{"refresh_token":"old"}');
    // A limit on the size of files is a disk of 8 KiB to this process.
    const { ended, names, token } = await shell('ulimit -f 8; exec "$@" never');
    expect(ended).toMatch(/^token-unwritable: .*\(raise the limit/);
    expect(names).toEqual(['a@b.example']);
    expect(token).toEqual({ refresh_token: 'old' });
  });

  it.runIf(namespaces)('is found out before anything is asked on a real file system', async () => {
    const { ended, names, token } = await onSmallDisk('before');
    expect(ended).toMatch(/^token-unwritable: .*\(make room/);
    expect(names).toEqual(['a@b.example']);
    expect(token).toEqual({ refresh_token: 'old' });
  });

  it.runIf(namespaces)('that fills while the server is asked does not lose the rotated token', async () => {
    const { ended, names, token } = await onSmallDisk('after');
    expect(ended).toBe('committed');
    expect(names).toEqual(['a@b.example']);
    expect(token).toMatchObject({ refresh_token: 'r'.repeat(5000), access_token: 'a'.repeat(5000) });
  });
});
