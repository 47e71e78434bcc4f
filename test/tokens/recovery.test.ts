import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { Secret } from '../../src/core/secret.js';
import { createFileStore } from '../../src/tokens/file-store.js';
import { mergeToken } from '../../src/tokens/format.js';
import { ownIdentity } from '../../src/tokens/process-identity.js';
import { versionOf } from '../../src/tokens/read-file.js';
import { seal } from '../../src/tokens/seal.js';
import { temporaryDirectory } from '../support/process.js';
import { VirtualClock } from '../support/virtual-clock.js';

const old = '{"user": "ann", "access_token": "A1", "expiry": "1000", "refresh_token": "R1"}';

describe('a new token that a killed process left beside the file', () => {
  let directory: string;
  let path: string;
  let leftover: string;

  beforeEach(async ({ onTestFinished }) => {
    const temporary = await temporaryDirectory();
    onTestFinished(temporary.remove);
    directory = join(temporary.path, 'tokens');
    await mkdir(directory);
    path = join(directory, 'ann@corp.example');
    leftover = join(directory, '.ann@corp.example.0a1b2c3d.tmp');
    await writeFile(path, old, { mode: 0o640 });
    await utimes(path, 1000, 1000);
  });

  const written = (from = old, expiresAt = 2_000_000) => {
    const token = { accessToken: new Secret('A2'), expiresAt, refreshToken: new Secret('R2') };
    return mergeToken(from, token, path);
  };
  const leave = async (text: string, at = 1001) => {
    await writeFile(leftover, text, { mode: 0o640 });
    await chmod(leftover, 0o640);
    await utimes(leftover, at, at);
  };
  /** What the next holder of the lock finds. */
  const found = async () => {
    const store = createFileStore({ path, clock: systemClock, random: Math.random });
    const { refreshToken } = await store.exclusively((locked) => locked.read());
    return refreshToken?.reveal();
  };

  it('is put into place by whoever takes the lock next', async () => {
    await leave(written());
    expect(await found()).toBe('R2');
    expect(await readFile(path, 'utf8')).toBe(written());
    expect((await readdir(directory)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('is put there in a file behind a link, too', async () => {
    await leave(written());
    const link = join(directory, '..', 'link');
    await symlink(path, link);
    path = link;
    expect(await found()).toBe('R2');
  });

  const sealed = (text = written(), replaces = old) =>
    seal({ text, replaces: versionOf(replaces) }, 16 * 1024).toString();

  it('is put there without its seal, and with the time of its writing', async () => {
    await leave(sealed(written(old, 500_000)), 999);
    expect(await found()).toBe('R2');
    expect(await readFile(path, 'utf8')).toBe(written(old, 500_000));
    expect((await stat(path)).mtimeMs).toBe(999_000);
    expect((await readdir(directory)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('is left there by a store that had kept it when it was killed', async () => {
    const store = createFileStore({ path, clock: systemClock, random: Math.random });
    const token = { accessToken: new Secret('A2'), expiresAt: 2_000_000, refreshToken: new Secret('R2') };
    const abandoned = await store.exclusively(async (locked) => {
      const reservation = await locked.reserve();
      await reservation.keep(token);
      return reservation;
    });
    expect(await readFile(path, 'utf8')).toBe(old);
    expect(await found()).toBe('R2');
    expect(await readFile(path, 'utf8')).toBe(written());
    await abandoned.release();
  });

  const room = ' '.repeat(16 * 1024);
  it.each([
    ['what is sealed and not whole', () => leave(sealed().replace('A2', 'A3'))],
    ['what is sealed and torn', () => leave(`${old}${sealed().slice(old.length)}`)],
    ['what is sealed in place of another text', () => leave(sealed(written(), `${old} `))],
    [
      'what is sealed in place of a sign-in that was overwritten',
      () => leave(sealed(written(), old.replace('R1', 'R0'))),
    ],
    ['the space that was only set aside', () => leave(old + room)],
    ['what is not written to its end', () => leave(written() + room)],
    ['half of it', () => leave(written().slice(0, 60))],
    ['what is older than the file', () => leave(written(), 999)],
    ['a token that ends sooner', () => leave(written(old, 500_000))],
    ['one of a file that has been changed since', () => leave(written(old.replace('ann', 'bob')))],
    ['an empty file', () => leave('')],
    [
      'one with another mode',
      async () => {
        await leave(written());
        await chmod(leftover, 0o600);
      },
    ],
    [
      'a link',
      async () => {
        const elsewhere = join(directory, '..', 'elsewhere');
        await writeFile(elsewhere, written(), { mode: 0o640 });
        await symlink(elsewhere, leftover);
      },
    ],
  ])('is never %s', async (_what, arrange) => {
    await arrange();
    expect(await found()).toBe('R1');
    expect(await readFile(path, 'utf8')).toBe(old);
  });

  describe('among thousands of files', () => {
    const clock = new VirtualClock();
    const take = async () => {
      const store = createFileStore({ path, clock, random: Math.random });
      const { refreshToken } = await store.exclusively((locked) => locked.read());
      return refreshToken?.reveal();
    };

    beforeEach(async () => {
      const names = Array.from({ length: 500 }, (_, number) => join(directory, `user${number}@corp.example`));
      await Promise.all(names.map((name) => writeFile(name, '{}')));
      await take();
      await leave(sealed());
    });

    it('is found at once where the lock of the dead says that there may be one', async () => {
      const dead = { ...(await ownIdentity()), pid: 2 ** 22 + 1, nonce: 'theirs' };
      await writeFile(join(directory, '.ann@corp.example.lock'), JSON.stringify(dead));
      expect(await take()).toBe('R2');
    });

    it('is found within a minute otherwise, for they are not all listed with each refresh', async () => {
      expect(await take()).toBe('R1');
      await clock.advance(60_000);
      expect(await take()).toBe('R2');
    });
  });
});
