import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.js';
import { loadConfig } from '../../src/config/load.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/process.js';

let directory: TemporaryDirectory;
let secretFile: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  secretFile = join(directory.path, 'secret');
  await writeFile(secretFile, 'from a file\n');
});
afterEach(() => directory.remove());

async function load(json: object, env: Record<string, string> = {}): Promise<Config> {
  const configFile = join(directory.path, 'config.json');
  await writeFile(configFile, JSON.stringify(json));
  return (await loadConfig({ configFile, env })).config;
}

describe('a secret in the configuration', () => {
  it('may stand in a file, at every level', async () => {
    const client_secret = { file: secretFile };
    const config = await load({
      client_secret,
      providers: { corp: { client_secret } },
      accounts: { 'a@b.example': { client_secret, key_passphrase: client_secret } },
    });
    const account = config.accounts.get('a@b.example');
    const secrets = [config, config.providers.get('corp'), account].map((place) =>
      place?.clientSecret?.reveal(),
    );
    expect(secrets).toEqual(['from a file', 'from a file', 'from a file']);
    expect(account?.grant?.keyPassphrase?.reveal()).toBe('from a file');
  });

  it('may stand in a file for the check of tokens at a port, and a URL that holds one counts as one', async () => {
    const oauth2 = {
      introspection_url: 'https://id:secret@idp.example/',
      introspection_mode: 'post',
      client_id: 'mail',
      client_secret: { file: secretFile },
    };
    const { relay, secretFiles, source } = await load({
      relay: { listen: ['127.0.0.1:25', { address: '127.0.0.1:26', auth: { oauth2 } }] },
    });
    expect(relay.listen?.[1]?.auth?.oauth2?.clientSecret?.reveal()).toBe('from a file');
    expect(secretFiles).toEqual(expect.arrayContaining([source, secretFile]));
  });

  it('may be the password of a proxy, whose URL stands elsewhere then', async () => {
    await writeFile(secretFile, 'http://me:password@proxy.example:3128\n');
    const { proxy, secretFiles } = await load({ proxy: { file: secretFile } });
    expect(proxy).toBe('http://me:password@proxy.example:3128');
    expect(secretFiles).toEqual([secretFile]);
    expect((await load({ proxy: 'http://proxy.example' })).secretFiles).toEqual([]);
    const { source, secretFiles: own } = await load({ proxy: 'http://me:password@proxy.example' });
    expect(own).toEqual([source]);
    await writeFile(secretFile, 'socks5://me:password@proxy.example');
    await expect(load({ proxy: { file: secretFile } })).rejects.toThrow(/proxy: socks5 proxies are not/);
  });

  it('may stand in the environment', async () => {
    const config = await load({ client_secret: { env: 'SECRET' } }, { SECRET: 'from the environment' });
    expect(config.clientSecret?.reveal()).toBe('from the environment');
  });

  it('may be a credential of systemd', async () => {
    const credentials = join(directory.path, 'credentials');
    await mkdir(credentials);
    await writeFile(join(credentials, 'oauth'), 'from systemd');
    const config = await load(
      { client_secret: { credential: 'oauth' } },
      { CREDENTIALS_DIRECTORY: credentials },
    );
    expect(config.clientSecret?.reveal()).toBe('from systemd');
  });

  it.each([
    [{ file: '/nowhere/secret' }, /client_secret: \/nowhere\/secret cannot be read: ENOENT/],
    [{ file: 'secret' }, /client_secret: secret is no absolute path/],
    [{ file: '/dev/null' }, /client_secret: \/dev\/null cannot be read: it is empty/],
    [{ env: 'NOT_THERE' }, /client_secret: the environment has no NOT_THERE/],
    [{ credential: 'oauth' }, /client_secret: there is no credential oauth/],
    [{ credential: '../oauth' }, /a credential has a name, not a path/],
    [{ vault: 'x' }, /"vault" is no place for a secret/],
    [{ file: '/a', env: 'B' }, /expected a string, or one of "file", "env" and "credential"/],
    [{}, /expected a string, or one of/],
  ])('that cannot be found is named, with what to do: %j', async (client_secret, message) => {
    await expect(load({ client_secret }, { CREDENTIALS_DIRECTORY: directory.path })).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(message) as string,
      hint: expect.any(String) as string,
    });
  });

  it('is counted anew when the configuration is read again', async () => {
    const json = { client_secret: { file: secretFile } };
    await load(json);
    await writeFile(secretFile, 'another');
    expect((await load(json)).clientSecret?.reveal()).toBe('another');
  });

  it('is known by the files whose readers read it, and an empty one is no secret', async () => {
    const file = { file: secretFile };
    expect((await load({ client_secret: '' })).secretFiles).toEqual([]);
    expect((await load({ client_secret: { env: 'S' } }, { S: 's' })).secretFiles).toEqual([]);
    const both = { client_secret: file, accounts: { 'a@b.example': { key_passphrase: 'literal' } } };
    expect((await load(both)).secretFiles).toEqual([secretFile, join(directory.path, 'config.json')]);
  });
});
