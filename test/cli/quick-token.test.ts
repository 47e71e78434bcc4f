import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { leastLifeSeconds, quickToken } from '../../src/cli/quick-token.js';
import { presets } from '../../src/providers/index.js';
import { run } from '../support/process.js';
import { binaryPath } from '../support/run-binary.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

const user = 'a@corp.example';
const minutes = 60;
const tenant = 'https://login.microsoftonline.com/corp.example/oauth2/v2.0/token';
let place: TokenDirectory;

beforeEach(async () => {
  place = await openTokenDirectory();
});
afterEach(() => place.close());

describe('the quick answer', () => {
  const quickly = (...argv: string[]) =>
    quickToken(argv, { env: { MAILBEARER_CONFIG: place.configFile }, now: Date.now() });
  const quick = (word: string) => quickly('token', word);

  /** What the whole program says, which is asked after the quick answer. */
  const slow = async (...argv: string[]) => (await place.run('token', ...argv)).stdout.trimEnd();

  test('is left to the whole program where the environment holds settings', async () => {
    await place.write(user, {});
    const env = { MAILBEARER_CONFIG: place.configFile };
    const ask = (more: object) => quickToken(['token', user], { env: { ...env, ...more }, now: Date.now() });
    expect(await ask({ MAILBEARER_SETTINGS: '' })).toBeDefined();
    expect(await ask({ MAILBEARER_SETTINGS: '{}' })).toBeUndefined();
  });

  test.each<[string, { config?: object; files: Record<string, object>; ask?: string; quick: boolean }]>([
    ['by address', { files: { [user]: {} }, quick: true }],
    ['by path', { files: { other: {} }, ask: './other', quick: true }],
    ['with an entry in accounts', { config: { [user]: {} }, files: { [user]: {} }, quick: true }],
    [
      'with a file of its own',
      { config: { [user]: { token_file: './other' } }, files: { other: {} }, quick: true },
    ],
    [
      'with an entry beside others that have files of their own',
      {
        config: { [user]: {}, 'b@corp.example': { token_file: './other' } },
        files: { [user]: {}, other: {} },
        quick: true,
      },
    ],
    [
      'whose file is in the directory, too, under its name',
      { config: { [user]: { token_file: './other' } }, files: { [user]: {}, other: {} }, quick: true },
    ],
    [
      'whose name another file has for its login name',
      { files: { first: { user }, [user]: {} }, quick: true },
    ],
    [
      'whose file is another account’s, too',
      {
        config: { corp: { token_file: `./${user}` }, [user]: {} },
        files: { [user]: {} },
        quick: false,
      },
    ],
    ['with a plugin’s window', { files: { [user]: { refresh_window: '0' } }, quick: true }],
    ['with another login name', { files: { [user]: { user: 'b@corp.example' } }, quick: false }],
    [
      'by a sender',
      { config: { corp: { senders: [user], token_file: './other' } }, files: { other: {} }, quick: false },
    ],
    [
      'by its name',
      { config: { corp: { token_file: './other' } }, files: { other: {} }, ask: 'corp', quick: true },
    ],
    [
      'by its name, with a login name in its file',
      { config: { corp: {} }, files: { corp: { user } }, ask: 'corp', quick: true },
    ],
    [
      'by its name, which another has for its login name',
      { config: { corp: {} }, files: { another: { user: 'corp' }, corp: {} }, ask: 'corp', quick: true },
    ],
    [
      'by its name, whose file is called otherwise',
      { config: { corp: { user } }, files: { [user]: {} }, ask: 'corp', quick: false },
    ],
    ['by the name of its file alone', { files: { corp: {} }, ask: 'corp', quick: false }],
  ])('is what the command says, or none: an account %s', async (_, scene) => {
    const inPlace = (path: string) => (path.startsWith('./') ? join(place.path, path) : path);
    const accounts = Object.entries(scene.config ?? {}).map(
      ([name, entry]: [string, { token_file?: string }]) => [
        name,
        { provider: 'corp', ...entry, ...(entry.token_file && { token_file: inPlace(entry.token_file) }) },
      ],
    );
    await place.configure(accounts.length > 0 ? { accounts: Object.fromEntries(accounts) as object } : {});
    for (const [name, fields] of Object.entries(scene.files)) await place.write(name, fields);
    const word = inPlace(scene.ask ?? user);
    const command = await slow(word);
    expect(command).toMatch(/^A-/);
    expect(await quick(word)).toBe(scene.quick ? command : undefined);
  });

  test.each<[string, { accounts?: object; config?: object; file?: object; quick: boolean }]>([
    ['that is in no configuration', { quick: true }],
    ['of a provider by name', { accounts: { [user]: { provider: 'outlook' } }, quick: true }],
    ['of another Microsoft tenant', { config: { token_endpoint: tenant }, quick: true }],
    ['whose file names the endpoint', { file: { token_endpoint: tenant }, quick: true }],
    [
      'with a server of its own',
      {
        accounts: { [user]: { provider: 'gmail', smtp: { host: 'smtp.corp.example', port: 465 } } },
        quick: true,
      },
    ],
    ['with half a server', { accounts: { [user]: { smtp: { host: 'smtp.corp.example' } } }, quick: false }],
    [
      'of a provider of one’s own',
      {
        accounts: { [user]: { provider: 'corp' } },
        config: {
          providers: { corp: { token_endpoint: tenant, smtp: { host: 'smtp.corp.example', port: 25 } } },
        },
        quick: true,
      },
    ],
    [
      'of a preset that is changed',
      { config: { providers: { gmail: { smtp: { host: 'smtp.corp.example' } } } }, quick: false },
    ],
    [
      'of an issuer',
      {
        accounts: { [user]: { issuer: 'https://id.corp.example', smtp: { host: 'smtp.corp.example' } } },
        quick: false,
      },
    ],
    ['with another login name', { accounts: { [user]: { user: 'b@corp.example' } }, quick: true }],
    ['with a login name that is no address', { accounts: { [user]: { user: 'someone' } }, quick: false }],
    [
      'with one in its file, too',
      { accounts: { [user]: { user: 'b@corp.example' } }, file: { user: 'c@corp.example' }, quick: true },
    ],
    ['with its own login name', { accounts: { [user]: { user } }, quick: true }],
  ])('with --sasl is what the command says, or none: an account %s', async (_, scene) => {
    const { accounts = {}, config = {}, file = {} } = scene;
    const whole = { client_id: 'id', token_dir: place.path, accounts, ...config };
    await writeFile(place.configFile, JSON.stringify(whole));
    await place.write(user, file);
    for (const sasl of ['xoauth2', 'oauthbearer']) {
      const command = await slow(user, '--sasl', sasl);
      expect(Buffer.from(command, 'base64').toString()).toContain(`auth=Bearer A-${user}`);
      expect(await quickly('token', user, '--sasl', sasl)).toBe(scene.quick ? command : undefined);
    }
  });

  test('with --sasl is none where no server is known, and where a path is given', async () => {
    await place.write(user, {});
    await writeFile(
      place.configFile,
      JSON.stringify({ token_dir: place.path, token_endpoint: 'https://a.example/' }),
    );
    expect(await quickly('token', user, '--sasl=xoauth2')).toBeUndefined();
    await writeFile(place.configFile, JSON.stringify({ token_dir: place.path }));
    expect(await quickly('token', user, '--sasl=xoauth2')).toBeDefined();
    expect(await quickly('token', join(place.path, user), '--sasl=xoauth2')).toBeUndefined();
  });

  test('reads the configuration that is named, wherever the command line names it', async () => {
    await place.write(user, {});
    const file = place.configFile;
    const elsewhere = join(place.path, 'nothing.json');
    const asked = (...argv: string[]) =>
      quickToken(argv, { env: { MAILBEARER_CONFIG: elsewhere }, now: Date.now() });
    for (const argv of [
      ['token', user, '--config-file', file],
      ['token', `--config-file=${file}`, user],
      ['--config-file', file, 'token', user],
    ])
      expect(await asked(...argv)).toBe(`A-${user}`);
    for (const argv of [
      ['token', user],
      ['token', user, '--config-file'],
      ['token', user, '--config-file='],
      ['token', user, '--config-file', file, '--config-file', file],
      ['token', user, '--config-file', file, '--'],
      ['token', user, '--config-file', file, '--sasl', 'plain'],
      ['--sasl', 'xoauth2', 'token', user, '--config-file', file],
      ['token', user, user, '--config-file', file],
    ])
      expect(await asked(...argv)).toBeUndefined();
  });

  test('is none when the token is not fresh, the file is odd, or more is asked', async () => {
    await place.write(user, {}, 19 * minutes);
    expect(await quick(user)).toBeUndefined();
    for (const fields of [
      { access_token: '' },
      { access_token: 1 },
      { expiry: 'soon' },
      { expiry: '99999999999' },
      // The command takes it for none.
      { expiry: '2147483648' },
      // It is due already.
      { refresh_window: '2h' },
      { refresh_window: 1201 },
    ]) {
      await place.write(user, fields);
      expect(await quick(user)).toBeUndefined();
    }
    await place.write(user, {});
    expect(await quick(user)).toBe(`A-${user}`);
    for (const argv of [[], ['token'], ['token', '--help'], ['token', user, '--json'], ['status', user]])
      expect(await quickly(...argv)).toBeUndefined();
  });

  test.each<[string, object]>([
    ['everywhere', { refresh_window: '1h' }],
    ['at the provider', { providers: { corp: { refresh_window: 3600 } } }],
    ['for the account', { accounts: { [user]: { refresh_window: '1h' } } }],
  ])('is none where a token is refreshed earlier than usual %s', async (_, keys) => {
    await place.write(user, {});
    const file = join(place.path, user);
    expect([await quick(user), await quick(file)]).toEqual([`A-${user}`, `A-${user}`]);
    await place.configure(keys);
    expect([await quick(user), await quick(file)]).toEqual([undefined, undefined]);
  });

  test('is given where there are comments and trailing commas, and where something only looks like them', async () => {
    const configuration = `\uFEFF{
      // Do not "quote" me, }
      "client_id": "https://id", /* nor
      me */ "token_endpoint": "https://login.example/a//b/*c*/", "client_secret": "\\",//",
      "token_dir": [${JSON.stringify(place.path)}, "/a,]/,}",],
    }`;
    await writeFile(place.configFile, configuration, { mode: 0o600 });
    await place.write(user, {});
    expect(await quick(user)).toBe(await slow(user));
    await writeFile(place.configFile, configuration.replace('//b/*c*/",', '//b/*c*/'), { mode: 0o600 });
    expect(await quick(user)).toBeUndefined();
  });

  test('is none where the configuration is not there, or takes more to read', async () => {
    await place.write(user, {});
    const file = join(place.path, user);
    for (const text of [
      '{ // a comment that is cut',
      '[]',
      '{ "accounts": [] }',
      '{ "token_dir": "tokens" }',
    ]) {
      await writeFile(place.configFile, text);
      expect(await quick(user)).toBeUndefined();
    }
    await rm(place.configFile);
    expect([await quick(user), await quick(file)]).toEqual([undefined, undefined]);
  });

  test('is none for what another account may stand behind: a link, a later directory, a file passed over', async () => {
    await place.write('other', {});
    await symlink(join(place.path, 'other'), join(place.path, user));
    expect(await quick(user)).toBeUndefined();
    await place.write(`${user}.bak`, {});
    expect(await quick(`${user}.bak`)).toBeUndefined();
    const [missing, empty] = [join(place.path, 'missing'), join(place.path, 'empty')];
    await mkdir(empty);
    await place.write('b@corp.example', {});
    await place.configure({ token_dir: [missing, place.path] });
    expect(await quick('b@corp.example')).toBe('A-b@corp.example');
    await place.configure({ token_dir: [empty, place.path] });
    expect(await quick('b@corp.example')).toBeUndefined();
  });

  test('waits for nobody who might write to a FIFO, and reads no endless file', async () => {
    const fifo = join(place.path, 'fifo');
    await run('mkfifo', [fifo]);
    expect([await quick(fifo), await quick('/dev/zero')]).toEqual([undefined, undefined]);
  });

  test('is given for tokens that live longer than any provider wants', () => {
    for (const { minimumLifetimeSeconds, refreshWindowSeconds } of presets.values())
      expect(Math.max(minimumLifetimeSeconds, refreshWindowSeconds)).toBeLessThan(leastLifeSeconds);
  });

  test('reaches the reader whole, however long the token', async () => {
    const long = 'A'.repeat(500_000);
    await place.write(user, { access_token: long });
    expect((await place.runBinary('token', user)).stdout).toBe(`${long}\n`);
  });

  test.skipIf(!existsSync('/dev/full'))('that cannot be written is a failure', async () => {
    await place.write(user, {});
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [binaryPath, 'token', user], {
      env: { MAILBEARER_CONFIG: place.configFile },
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect(status).toBe(exitStatus.cantCreate);
    expect(stderr).toContain('cannot write to standard output');
  });
});
