import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { findStateFile, fingerprint, StateFile, type TokenMemory } from '../../src/refresh/state-file.js';
import { formatState, parseState } from '../../src/refresh/state-format.js';
import { type TemporaryDirectory, temporaryDirectory } from '../support/process.js';

import { VirtualClock } from '../support/virtual-clock.js';
import { recordingLogger } from '../support/recording-logger.js';

let root: TemporaryDirectory;
let path: string;
let logger: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  root = await temporaryDirectory();
  path = join(root.path, 'state', 'state.json');
  logger = recordingLogger();
});
afterEach(() => root.remove());

const clock = new VirtualClock();
const open = () => StateFile.open({ path, clock, random: Math.random, logger });
const memory = (account: string, firstSeenAt = 1.9e12): TokenMemory => ({
  account,
  firstSeenAt,
  lastUsedAt: undefined,
  announcedEndAt: undefined,
  endedAt: undefined,
});

describe('the state file', () => {
  it('remembers across restarts, for nobody else to read, and holds no token', async () => {
    const print = fingerprint(new Secret('refresh-0'));
    const state = await open();
    state.setToken(print, memory('a@b.example'));
    state.setAccount('a@b.example', {
      trouble: 'refresh-failing',
      warned: { certificate: { at: 2e12, days: 7 } },
    });
    await state.flush();
    const again = await open();
    expect(again.token(print)).toEqual(memory('a@b.example'));
    expect(again.account('a@b.example')).toMatchObject({
      trouble: 'refresh-failing',
      warned: { certificate: { at: 2e12, days: 7 } },
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).not.toContain('refresh-0');
    expect(logger.lines).toEqual([]);
  });

  it('is written a second after a change, several of them together', async () => {
    const state = await open();
    state.setToken('one', memory('a'));
    state.setToken('two', memory('b'));
    await clock.advance(1_000);
    await state.flush();
    const { tokens } = parseState(await readFile(path, 'utf8'));
    expect([...tokens.keys()]).toEqual(['one', 'two']);
  });

  it('remembers thousands of accounts, whose file is larger than any token file', async () => {
    const state = await open();
    const names = Array.from({ length: 6_000 }, (_, number) => `user${number}@corp.example`);
    for (const name of names) state.setToken(fingerprint(new Secret(name)), memory(name));
    await state.flush();
    expect((await stat(path)).size).toBeGreaterThan(2 ** 20);
    const again = await open();
    expect(names.filter((name) => again.printOf(name) === undefined)).toEqual([]);
  });

  it('forgets the token that another has replaced', async () => {
    const state = await open();
    state.setToken('old', memory('a'));
    await state.flush();
    state.setToken('new', memory('a'));
    await state.flush();
    expect([...parseState(await readFile(path, 'utf8')).tokens.keys()]).toEqual(['new']);
  });

  it('keeps what another process has written of other accounts', async () => {
    const [one, other] = [await open(), await open()];
    one.setToken('one', memory('a'));
    other.setToken('other', memory('b'));
    await one.flush();
    await other.flush();
    one.setAccount('a', { onTrial: true });
    await one.flush();
    const { accounts, tokens } = parseState(await readFile(path, 'utf8'));
    expect([...tokens.keys()].toSorted()).toEqual(['one', 'other']);
    expect(accounts.get('a')?.onTrial).toBe(true);
  });

  it('puts together what two processes know of one token', async () => {
    const [signIn, daemon] = [await open(), await open()];
    signIn.setToken('one', { ...memory('a', 1.8e12), announcedEndAt: 2e12 });
    daemon.setToken('one', { ...memory('a', 1.9e12), lastUsedAt: 1.95e12 });
    await signIn.flush();
    await daemon.flush();
    expect(daemon.token('one')).toMatchObject({
      firstSeenAt: 1.8e12,
      lastUsedAt: 1.95e12,
      announcedEndAt: 2e12,
    });
  });

  it('forgets an account of which nothing was heard for 90 days, and none that is seen', async () => {
    const own = new VirtualClock();
    const state = await StateFile.open({ path, clock: own, random: Math.random, logger });
    state.setToken('gone', memory('gone'));
    state.setToken('idle', memory('idle'));
    state.setAccount('unattended', { trouble: 'refresh-failing' });
    for (let day = 0; day < 91; day++) {
      await own.advance(86_400_000);
      state.sees('idle');
    }
    await state.flush();
    const { accounts, tokens } = parseState(await readFile(path, 'utf8'));
    expect([...tokens.keys()]).toEqual(['idle']);
    expect([...accounts.keys()]).toEqual(['idle']);
  });

  it('leaves its directory to the service where it is told so', async () => {
    const options = { path, clock, random: Math.random, logger };
    const state = await StateFile.open({ ...options, makesDirectory: false });
    state.setToken('x', memory('a'));
    await state.flush();
    await expect(stat(join(root.path, 'state'))).rejects.toThrow('ENOENT');
  });

  it('is whole at every moment, however many write it at once', async () => {
    const states = await Promise.all(Array.from({ length: 8 }, open));
    const read = async () => {
      const text = await readFile(path, 'utf8').catch(() => '{}');
      expect(() => JSON.parse(text) as unknown).not.toThrow();
    };
    await Promise.all(
      states.map(async (state, writer) => {
        for (let round = 0; round < 10; round++) {
          state.setToken(`${writer}`, memory(`${writer}`, 1.9e12 + round));
          await Promise.all([state.flush(), read(), read()]);
          await read();
        }
      }),
    );
    expect(logger.lines).toEqual([]);
  });

  it.each(['', '{', '[1]', '{"tokens": 7, "accounts": {"a": null}}', '{"tokens": {"x": {"account": 1}}}'])(
    'is an empty one when it says %j',
    async (text) => {
      await mkdir(join(root.path, 'state'));
      await writeFile(path, text);
      const state = await open();
      expect(state.token('x')).toBeUndefined();
      state.setToken('x', memory('a'));
      await state.flush();
      expect((await open()).token('x')).toEqual(memory('a'));
    },
  );

  it('is said once that cannot be written, and disturbs nobody', async () => {
    await writeFile(join(root.path, 'state'), 'a file where the directory should be');
    const state = await open();
    state.setToken('x', memory('a'));
    await state.flush();
    state.setToken('x', memory('a', 1.8e12));
    await state.flush();
    expect(state.token('x')?.firstSeenAt).toBe(1.8e12);
    expect(logger.lines).toMatchObject([{ level: 'info', fields: { file: path } }]);
    expect(logger.lines[0]?.message).toMatch(/^cannot write .*state\.json, so the age/);
    expect(logger.lines[0]?.message).not.toContain('token file');
  });

  it('makes no home directory for a user who has none', async () => {
    path = await findStateFile(undefined, {}, join(root.path, 'nobody'));
    if (!path.startsWith(root.path)) return;
    const state = await open();
    state.setToken('x', memory('a'));
    await state.flush();
    await expect(stat(join(root.path, 'nobody'))).rejects.toThrow('ENOENT');
  });

  test('property: what is written is what is read', () => {
    const at = fc.integer({ min: 0, max: 4e12 });
    const token = fc.record({
      account: fc.string(),
      firstSeenAt: at,
      lastUsedAt: fc.option(at, { nil: undefined }),
      announcedEndAt: fc.option(at, { nil: undefined }),
      endedAt: fc.option(at, { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.dictionary(fc.base64String(), token, { noNullPrototype: true }), (tokens) => {
        const state = { tokens: new Map(Object.entries(tokens)), accounts: new Map() };
        expect(parseState(formatState(state))).toEqual(state);
      }),
    );
  });
});

describe('the place of the state file', () => {
  it('is the one that is configured, else the one that systemd gives', async () => {
    expect(await findStateFile('/a', { STATE_DIRECTORY: '/b' }, '/c')).toBe('/a/state.json');
    expect(await findStateFile(undefined, { STATE_DIRECTORY: '/b:/d' }, '/c')).toBe('/b/state.json');
  });
});
