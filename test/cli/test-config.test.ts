import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/process.js';
import { type Finished, runBinary } from '../support/run-binary.js';
import { runHere } from '../support/run-here.js';

let directory: TemporaryDirectory;
let configFile: string;
let tokens: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  configFile = join(directory.path, 'config.json');
  tokens = join(directory.path, 'tokens');
  await mkdir(tokens);
});
afterEach(() => directory.remove());

const writeToken = (name: string, content: unknown) =>
  writeFile(join(tokens, name), typeof content === 'string' ? content : JSON.stringify(content), {
    mode: 0o600,
  });

/** `config` is the file's text, or keys beside `token_dir`. */
async function testConfig(config: string | object, ...flags: string[]): Promise<Finished> {
  const text = typeof config === 'string' ? config : JSON.stringify({ token_dir: tokens, ...config });
  await writeFile(configFile, text, { mode: 0o600 });
  return runHere(['test-config', '--config-file', configFile, ...flags]);
}

async function failure(config: string | object): Promise<string> {
  const { status, stdout, stderr } = await testConfig(config);
  expect({ status, stdout }).toEqual({ status: exitStatus.failed, stdout: 'Config check failed.\n' });
  expect(stderr).toMatch(/^mailbearer: .+\nhint: .+/m);
  return stderr;
}

describe('test-config passes, with the words of the original and status 0', () => {
  async function warnings(config: string | object): Promise<string> {
    const { status, stdout, stderr } = await testConfig(config);
    expect({ status, stdout }).toEqual({ status: exitStatus.ok, stdout: 'Config check passed.\n' });
    return stderr;
  }

  test('when all is well, and then it says nothing else', async () => {
    await writeToken('a@gmail.com', { refresh_token: 'R' });
    expect(await warnings({ client_id: 'id', client_secret: 'secret' })).toBe('');
  });

  test('with a sasl-xoauth2.conf as it was: comments, a trailing comma, switches as words', async () => {
    await writeToken('a@gmail.com', { refresh_token: 'R' });
    const text = `{ /* old */ "client_id": "id", "client_secret": "", "log_to_syslog_on_failure": "no",
      "refresh_window": "0", "token_dir": ${JSON.stringify(tokens)}, }`;
    expect(await warnings(text)).toBe('');
  });

  test('with a warning for each file with secrets that strangers may read, and the command that closes it', async () => {
    await writeToken('a@gmail.com', { refresh_token: 'R' });
    const [token, secret] = [join(tokens, 'a@gmail.com'), join(directory.path, 'secret')];
    await writeFile(secret, 'S\n', { mode: 0o644 });
    await chmod(token, 0o644);
    const text = await warnings({ client_id: 'id', client_secret: { file: secret } });
    for (const path of [token, secret])
      expect(text).toContain(
        `warning: everyone on this machine may read ${path} (mode 0644), which holds secrets\nhint: chmod o= ${path}\n`,
      );
    expect(text).not.toContain(configFile);
    await Promise.all([token, secret].map((path) => chmod(path, 0o640)));
    expect(await warnings({ client_id: 'id', client_secret: { file: secret } })).toBe('');
  });

  test('with a warning for a configuration that strangers may read, when it holds a secret', async () => {
    await writeToken('a@gmail.com', { refresh_token: 'R' });
    await writeFile(configFile, '');
    await chmod(configFile, 0o644);
    expect(await warnings({ client_id: 'id', client_secret: '' })).toBe('');
    expect(await warnings({ client_id: 'id', client_secret: 'S' })).toContain(`hint: chmod o= ${configFile}`);
  });

  test('with a warning for a key that nobody knows', async () => {
    await writeToken('a@gmail.com', { refresh_token: 'R' });
    expect(await warnings({ client_id: 'id', client_secert: 's' })).toMatch(
      /^warning: .*client_secert: unknown key.*"client_secret"/m,
    );
  });

  test.each([
    ['damaged', '{', /^warning: .*a@gmail\.com is damaged.*\nhint: .*get-token/m],
    ['empty', '', /^warning: .*it is empty.*\nhint: .*get-token/m],
    ['without a refresh token', '{}', /^warning: .*no refresh_token\nhint: mailbearer get-token gmail/m],
  ])('with a warning for a token file that is %s', async (_what, content, warning) => {
    await writeToken('a@gmail.com', content);
    expect(await warnings({ client_id: 'id' })).toMatch(warning);
  });

  test('with a warning for an account whose token file is missing', async () => {
    expect(await warnings({ client_id: 'id', accounts: { 'a@gmail.com': {} } })).toMatch(
      /^warning: there is no token file .*a@gmail\.com\nhint: mailbearer get-token/m,
    );
  });

  test('with a warning when there is no account at all, or no such directory', async () => {
    expect(await warnings({ client_id: 'id' })).toMatch(/^warning: there is no token file in .*\nhint: /m);
    expect(await warnings({ token_dir: join(tokens, 'missing') })).toMatch(
      /^warning: cannot list .*\nhint: /m,
    );
  });
});

describe('test-config fails with the reason, the words of the original and status 1', () => {
  test.each([
    ['is not JSON', '{ "client_id": ', /line 1, column \d+/],
    ['has a wrong value', { refresh_window: 'soon' }, /refresh_window: expected seconds or a duration/],
    ['has a placeholder', { client_id: 'client ID goes here' }, /client_id: .*placeholder/],
    ['has a wrong switch', { always_log_to_syslog: 'maybe' }, /Need either 'yes'\/'true' or 'no'\/'false'/],
  ])('when the file %s', async (_what, config, reason) => {
    expect(await failure(config)).toMatch(reason);
  });

  test('when the file is missing', async () => {
    const { status, stdout, stderr } = await runBinary([
      'test-config',
      '--config-file',
      '/nonexistent/config',
    ]);
    expect({ status, stdout }).toEqual({ status: exitStatus.failed, stdout: 'Config check failed.\n' });
    expect(stderr).toMatch(/cannot read .*\/nonexistent\/config: no such file\nhint: /);
  });

  test('when an account lacks a setting, and each of them is named', async () => {
    await writeToken('a@gmail.com', { refresh_token: 'R' });
    await writeToken('printer', { refresh_token: 'R', client_id: 'id' });
    const stderr = await failure({});
    expect(stderr).toMatch(/account a@gmail\.com .*no client_id\nhint: /);
    expect(stderr).toMatch(/account printer .*no login name\nhint: /);
  });

  test('when two accounts claim one sender', async () => {
    await writeToken('a@gmail.com', { refresh_token: 'R' });
    await writeToken('copy', { refresh_token: 'R', user: 'a@gmail.com' });
    expect(await failure({ client_id: 'id' })).toMatch(/2 accounts claim the sender a@gmail\.com/);
  });

  test('when the default account is none', async () => {
    await writeToken('a@gmail.com', { refresh_token: 'R' });
    const stderr = await failure({ client_id: 'id', default_account: 'b@gmail.com' });
    expect(stderr).toMatch(
      /no account "b@gmail\.com"; did you mean "a@gmail\.com"\?\nhint: set it to one of a@gmail\.com/,
    );
  });
});

describe('test-config --json', () => {
  test('describes the accounts', async () => {
    await writeToken('a@gmail.com', { refresh_token: 'R' });
    const { status, stdout } = await testConfig({ client_id: 'id', client_secert: '' }, '--json');
    expect(status).toBe(exitStatus.ok);
    expect(JSON.parse(stdout)).toEqual({
      ok: true,
      config_file: configFile,
      accounts: [
        {
          name: 'a@gmail.com',
          token_file: join(tokens, 'a@gmail.com'),
          senders: ['a@gmail.com'],
          provider: 'gmail',
          user: 'a@gmail.com',
          smtp: { host: 'smtp.gmail.com', port: 587, tls: 'starttls' },
        },
      ],
      warnings: [expect.stringContaining('client_secert') as string],
    });
  });

  test('names code and remedy of what is wrong', async () => {
    await writeToken('a@gmail.com', { refresh_token: 'R' });
    const { status, stdout } = await testConfig({}, '--json');
    expect(status).toBe(exitStatus.failed);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      accounts: [{ name: 'a@gmail.com', problem: { code: 'account-incomplete' } }],
      errors: [{ code: 'account-incomplete', remedy: 'fix-config' }],
    });
  });
});
