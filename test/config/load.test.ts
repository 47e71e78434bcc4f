import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, type LoadOptions } from '../../src/config/load.js';
import { AppError } from '../../src/core/errors.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mailbearer-config-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function file(path: string, content = '{}'): Promise<string> {
  const full = join(root, path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, content);
  return full;
}

function load(options: Partial<LoadOptions> = {}) {
  const places = { systemDirectory: join(root, 'etc'), homeDirectory: join(root, 'home'), userId: 1000 };
  return loadConfig({ env: {}, ...places, ...options });
}

async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error: unknown = await promise.then(
    () => 'it succeeded',
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AppError)) throw new Error(`expected an AppError: ${String(error)}`);
  return error;
}

describe('the search for a configuration', () => {
  it('takes the first that exists: option, environment, system, user, sasl-xoauth2', async () => {
    const env = { MAILBEARER_CONFIG: await file('env.json') };
    const named = await file('named.json');
    const system = await file('etc/mailbearer/config.json');
    const own = await file('home/.config/mailbearer/config.json');
    const plugin = await file('etc/sasl-xoauth2.conf');
    const source = async (options?: Partial<LoadOptions>) => (await load(options)).config.source;

    expect(await source({ configFile: named, env })).toBe(named);
    expect(await source({ env })).toBe(env.MAILBEARER_CONFIG);
    expect(await source({ env: { MAILBEARER_CONFIG: '' } })).toBe(system);
    await rm(system);
    expect(await source()).toBe(own);
    expect(await source({ userId: 0 })).toBe(plugin);
    await rm(own);
    expect(await source()).toBe(plugin);
    await rm(plugin);
    expect(await source()).toBeUndefined();
  });

  it('passes over a path that leads through a file', async () => {
    await file('etc/mailbearer', 'not a directory');
    expect((await load()).config.source).toBeUndefined();
  });

  it('fails when a file that was named does not exist', async () => {
    const missing = join(root, 'missing.json');
    for (const options of [{ configFile: missing }, { env: { MAILBEARER_CONFIG: missing } }]) {
      const error = await failure(load(options));
      expect(error.code).toBe('config-unreadable');
      expect(error.message).toBe(`cannot read the configuration ${missing}: no such file`);
      expect(error.hint).toContain('--config-file');
    }
  });

  it('fails at a directory', async () => {
    const error = await failure(load({ configFile: root }));
    expect(error.code).toBe('config-unreadable');
    expect(error.message).toBe(`cannot read the configuration ${root}: it is a directory`);
  });

  it('does not pass over a file that exists and cannot be read', async () => {
    const system = join(root, 'etc/mailbearer/config.json');
    await mkdir(dirname(system), { recursive: true });
    // A loop cannot be read even by root, unlike a file of mode 0.
    await symlink(system, system);
    await file('home/.config/mailbearer/config.json');
    const error = await failure(load());
    expect(error.code).toBe('config-unreadable');
    expect(error.message).toMatch(/config\.json: ELOOP/);
    expect(error.message).toContain(system);
  });
});

describe('the content', () => {
  it('may hold comments, trailing commas and a byte order mark', async () => {
    const content = '\uFEFF{ // one\n "client_id": "a//b", /* two */ "token_dir": ["/x",],\n}';
    const { config, warnings } = await load({ configFile: await file('c.json', content) });
    expect(config).toMatchObject({ clientId: 'a//b', tokenDirs: ['/x'] });
    expect(warnings).toEqual([]);
  });

  it.each([
    ['{\n  "client_id": "a"\n  "client_secret": "b"\n}', 'line 3, column 3: comma expected'],
    ['{ "client_id": }', 'line 1, column 16: value expected'],
    ['', 'line 1, column 1: value expected'],
    ['{', 'line 1, column 2: close brace expected'],
    ['{} {}', 'line 1, column 4: end of file expected'],
  ])('is refused with line and column when it is %j', async (content, problem) => {
    const path = await file('c.json', content);
    const error = await failure(load({ configFile: path }));
    expect(error.code).toBe('config-invalid');
    expect(error.message).toBe(`${path}: ${problem}`);
    expect(error.hint).toContain('JSON');
  });

  it('must be an object', async () => {
    const path = await file('c.json', '["client_id"]');
    const error = await failure(load({ configFile: path }));
    expect(error.code).toBe('config-invalid');
    expect(error.message).toBe(`${path}: expected an object`);
  });

  it('is not shown when it is wrong, since it may be a secret', async () => {
    const error = await failure(load({ configFile: await file('c.json', '{"client_secret": hunter2}') }));
    expect(`${error.message} ${error.hint}`).not.toContain('hunter2');
  });

  it('is warned of by the name of its file', async () => {
    const path = await file('c.json', '{"cleint_id": "x"}');
    expect((await load({ configFile: path })).warnings).toEqual([
      `${path}: cleint_id: unknown key, ignored; did you mean "client_id"?`,
    ]);
  });
});

describe('the settings of the environment', () => {
  const env = (settings: object | string, more: object = {}) => ({
    MAILBEARER_SETTINGS: typeof settings === 'string' ? settings : JSON.stringify(settings),
    ...more,
  });

  it('win over the file, key by key', async () => {
    const named = await file(
      'c.json',
      '{"client_id":"file","log_level":"warn","relay":{"unknown_sender":"reject"}}',
    );
    const settings = { client_id: 'env', relay: { listen: '127.0.0.1:2526' } };
    const { config } = await load({ configFile: named, env: env(settings) });
    expect(config).toMatchObject({ source: named, clientId: 'env', logLevel: 'warn' });
    expect(config.relay.unknownSender).toBe('reject');
    expect(config.relay.listen?.map(({ port }) => port)).toEqual([2526]);
  });

  it('leave what they do not speak of as the file has it', async () => {
    const named = await file('c.json', '{"client_id":"file","relay":{"listen":"127.0.0.1:2526"}}');
    const { config } = await load({ configFile: named, env: env({ client_id: 'env' }) });
    expect(config.clientId).toBe('env');
    expect(config.relay.listen?.map(({ port }) => port)).toEqual([2526]);
  });

  it('need no file, and refer to secrets as one does', async () => {
    const settings = `{ // as in a file
      "accounts": { "a@b.example": { "client_secret": { "env": "S" } } } }`;
    const { config } = await load({ env: env(settings, { S: 'shh' }) });
    expect(config.source).toBeUndefined();
    expect(config.accounts.get('a@b.example')?.clientSecret?.reveal()).toBe('shh');
    expect(config.secretFiles).toEqual([]);
  });

  it('do not make a secret of the file, which holds none', async () => {
    const named = await file('c.json', '{"client_id":"file"}');
    const { config } = await load({ configFile: named, env: env({ client_secret: 'shh' }) });
    expect(config.clientSecret?.reveal()).toBe('shh');
    expect(config.secretFiles).toEqual([]);
  });

  it('are named when they are no good', async () => {
    for (const settings of [
      '{',
      '[]',
      '"text"',
      { relay: { listen: 'nowhere' } },
      { client_secret: { env: 'S' } },
    ]) {
      const error = await failure(load({ env: env(settings) }));
      expect(error.code).toBe('config-invalid');
      expect(error.message).toContain('$MAILBEARER_SETTINGS');
    }
  });
});
