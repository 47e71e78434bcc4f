import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { derive, formatHash, type HashCost, newSettings } from '../../src/submission/password-hash.js';
import { FilePasswords } from '../../src/submission/passwords.js';
import { temporaryDirectory } from '../support/process.js';
import { type LogLine, loggerInto } from '../support/recording-logger.js';

/** As good as any for a test, and done at once. */
const cheap: HashCost = { logN: 4, blockSize: 8, parallelization: 1 };
const marker = 'marker-geheim-ä';
let place: { path: string; remove: () => Promise<void> };
let file: string;
let log: LogLine[];
let passwords: FilePasswords;

beforeEach(async () => {
  place = await temporaryDirectory();
  file = join(place.path, 'passwd');
  log = [];
  passwords = new FilePasswords(file, loggerInto(log));
});
afterEach(() => place.remove());

async function entry(
  user: string,
  name: string,
  password: string,
  rest: object = {},
  settings = newSettings(cheap),
) {
  const hash = formatHash({ ...settings, hash: await derive(new Secret(password), settings) });
  return { user, name, hash, ...rest };
}

async function write(...entries: object[]): Promise<void> {
  await writeFile(file, JSON.stringify({ passwords: entries }));
}

async function check(user: string, password: string): Promise<unknown> {
  const verdict = await passwords.check(user, new Secret(password));
  return verdict.kind === 'accepted'
    ? verdict.identity
    : verdict.kind === 'refused'
      ? 'refused'
      : verdict.cause.code;
}

describe('a password', () => {
  it('lets its user in, with what it may be used for', async () => {
    await write(await entry('scan@b', 'printer', marker, { senders: ['scan@b'], accounts: ['Office'] }));
    expect(await check('Scan@B', marker)).toEqual({
      user: 'scan@b',
      senders: ['scan@b'],
      accounts: ['office'],
      token: undefined,
    });
  });

  it('lets nobody else in, and not with another, an empty or a longer one', async () => {
    await write(await entry('scan@b', 'printer', marker));
    expect(await check('scan@b', 'wrong')).toBe('refused');
    expect(await check('scan@b', '')).toBe('refused');
    expect(await check('scan@b', `${marker}x`)).toBe('refused');
    expect(await check('nobody@b', marker)).toBe('refused');
    expect(await check('__proto__', marker)).toBe('refused');
    expect(log).toEqual([]);
  });

  it('is one of several of its user, each with its own rights', async () => {
    const settings = newSettings(cheap);
    await write(
      await entry('scan@b', 'first', 'one', { senders: ['one@b'] }, settings),
      await entry('scan@b', 'second', 'two', { senders: ['two@b'] }, settings),
      await entry('scan@b', 'by hand', 'three', { senders: ['three@b'] }),
    );
    for (const [password, sender] of [
      ['one', 'one@b'],
      ['two', 'two@b'],
      ['three', 'three@b'],
    ] as const)
      expect(await check('scan@b', password)).toMatchObject({ senders: [sender] });
  });

  it('is the same however its letters are composed', async () => {
    await write(await entry('scan@b', 'printer', marker.normalize('NFD')));
    expect(await check('scan@b', marker)).toMatchObject({ user: 'scan@b' });
  });

  it('counts no more when it is taken out of the file, known as it may be', async () => {
    await write(await entry('scan@b', 'printer', marker), await entry('scan@b', 'other', 'x'));
    expect(await check('scan@b', marker)).toMatchObject({ user: 'scan@b' });
    expect(await check('scan@b', marker)).toMatchObject({ user: 'scan@b' });
    await write(await entry('scan@b', 'other', 'x'));
    expect(await check('scan@b', marker)).toBe('refused');
  });

  it('is neither right nor wrong while the file cannot be used, and that is logged once', async () => {
    expect(await check('scan@b', marker)).toBe('passwords-unusable');
    expect(await check('scan@b', marker)).toBe('passwords-unusable');
    await writeFile(file, '{ "passwords": [');
    expect(await check('scan@b', marker)).toBe('passwords-unusable');
    await rm(file);
    await write(await entry('scan@b', 'printer', marker));
    expect(await check('scan@b', marker)).toMatchObject({ user: 'scan@b' });
    expect(log.map(({ level }) => level)).toEqual(['error', 'error']);
    expect(JSON.stringify(log)).not.toContain('marker');
  });

  it.each([
    ['that is wrong', 'scan@b'],
    ['of a user that there is not', 'nobody@b'],
  ])(
    '%s costs work, which is done for a few at a time and not for any number of clients',
    async (_, user) => {
      const dearer = newSettings({ logN: 12, blockSize: 8, parallelization: 1 });
      await write(await entry('scan@b', 'printer', marker, {}, dearer));
      const many = await Promise.all(
        Array.from({ length: 100 }, (__, index) => check(user, `wrong ${index}`)),
      );
      const counts = ['refused', 'auth-limited'].map(
        (verdict) => many.filter((one) => one === verdict).length,
      );
      expect(counts[0]! + counts[1]!).toBe(100);
      // Two at work and 64 that wait; more only where some were done before the last had come.
      expect(counts[0]).toBeGreaterThanOrEqual(66);
      expect(counts[1]).toBeGreaterThan(0);
      expect(await check('scan@b', marker)).toMatchObject({ user: 'scan@b' });
    },
  );
});
