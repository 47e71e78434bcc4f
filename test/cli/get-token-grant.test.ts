/** The grants that nobody signs in for, by flags alone: a token, its file, and what the configuration must say. */
import { createPrivateKey } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { exitStatus } from '../../src/core/errors.js';
import { type ApplicationProvider, startApplicationProvider } from '../oauth/application-provider.js';
import { type Certificate, createCertificateAuthority } from '../support/certificates.js';
import { runBinary } from '../support/run-binary.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

const user = 'app@corp.example';
let place: TokenDirectory;
let provider: ApplicationProvider;
let certificate: Certificate;
let file: string;

beforeEach(async () => {
  env = {};
  place = await openTokenDirectory();
  file = join(place.path, user);
  certificate = await (await createCertificateAuthority(join(place.path, '..'))).issue('app');
  provider = await startApplicationProvider({ certificate: certificate.certificate, scope: 'mail' });
  await place.configure({ client_id: undefined, client_secret: undefined, token_endpoint: undefined });
});
afterEach(async () => {
  await provider.close();
  await place.close();
});

const issuer = () => provider.tokenEndpoint.origin;
/** Of the command, beside the configuration. */
let env: Record<string, string>;
const run = (...args: string[]) => runBinary(args, { env: { MAILBEARER_CONFIG: place.configFile, ...env } });
const getToken = (...flags: string[]) =>
  run('get-token', 'oidc', file, '--issuer', issuer(), '--scope', 'mail', '--no-verify', ...flags);

/** Adds what was printed to the configuration, and gets another token with it, as `serve` would. */
async function refreshWith(printed: string): Promise<unknown> {
  const entry = JSON.parse(printed) as { accounts: Record<string, unknown> };
  const config = JSON.parse(await readFile(place.configFile, 'utf8')) as object;
  await writeFile(place.configFile, JSON.stringify({ ...config, ...entry }));
  const { status, stderr } = await run('refresh', user);
  expect({ status, stderr }).toMatchObject({ status: exitStatus.ok });
  return entry.accounts[user];
}

describe('get-token --grant', () => {
  test('client_credentials takes the secret from a file, and the issuer from discovery', async () => {
    const { clientId, clientSecret } = provider.withSecret;
    const secretFile = join(place.path, '..', 'secret');
    await writeFile(secretFile, `${clientSecret}\n`);
    const flags = ['--grant', 'client_credentials', '--client-id', clientId];
    const { status, stdout, stderr } = await getToken(...flags, '--client-secret-file', secretFile);
    expect(stderr).toContain('No sign-in is needed. The token is in');
    expect(status).toBe(exitStatus.ok);
    expect(await place.read(user)).toMatchObject({
      client_id: clientId,
      client_secret: clientSecret,
      token_endpoint: provider.tokenEndpoint.href,
    });
    expect(await refreshWith(stdout)).toEqual({
      provider: 'oidc',
      issuer: issuer(),
      scope: 'mail',
      grant: 'client_credentials',
    });
  });

  test.each(['a file', 'the environment'])('takes a key whose passphrase is in %s', async (where) => {
    const keyFile = join(place.path, '..', 'encrypted.key');
    const passphraseFile = join(place.path, '..', 'passphrase');
    const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' } as const;
    await writeFile(keyFile, createPrivateKey(certificate.key).export(options));
    await writeFile(passphraseFile, 'open');
    await Promise.all([keyFile, passphraseFile].map((name) => chmod(name, 0o600)));
    const { certificateFile } = certificate;
    const flags = ['--client-id', 'with-certificate', '--certificate-file', certificateFile];
    const asFile = where === 'a file' ? ['--key-passphrase-file', passphraseFile] : [];
    if (where !== 'a file') env = { MAILBEARER_KEY_PASSPHRASE: 'open' };
    const { status, stdout, stderr } = await getToken(...flags, '--key-file', keyFile, ...asFile);
    expect({ status, stderr }).toMatchObject({ status: exitStatus.ok });
    expect(stdout + stderr).not.toContain('"open"');
    expect(await refreshWith(stdout)).toMatchObject({
      grant: 'client_credentials',
      certificate_file: certificateFile,
      key_file: keyFile,
      key_passphrase: asFile.length > 0 ? { file: passphraseFile } : { env: 'MAILBEARER_KEY_PASSPHRASE' },
    });
  });

  test('command runs the program, and asks for no client', async () => {
    const { status, stdout } = await place.run(
      ...['get-token', 'gmail', file, '--no-verify', '--token-command', 'printf elsewhere'],
    );
    expect(status).toBe(exitStatus.ok);
    expect(parseConfig(JSON.parse(stdout), undefined).warnings).toEqual([]);
    expect(await place.read(user)).toEqual({
      access_token: 'elsewhere',
      expiry: expect.stringMatching(/^\d+$/) as string,
    });
    expect(await refreshWith(stdout)).toEqual({
      provider: 'gmail',
      grant: 'command',
      token_command: 'printf elsewhere',
    });
  });

  test('service_account names the file that cannot be read, and writes nothing', async () => {
    const missing = join(place.path, '..', 'key.json');
    const { status, stdout, stderr } = await place.run(
      ...['get-token', 'gmail', file, '--service-account-file', missing],
    );
    expect({ status, stdout }).toEqual({ status: exitStatus.config, stdout: '' });
    expect(stderr).toContain(`cannot read the service account's key ${missing}`);
    await expect(place.read(user)).rejects.toThrow('ENOENT');
  });

  test('is one, and makes a file', async () => {
    const both = await getToken('--token-command', 'true', '--key-file', 'x');
    expect(both.status).toBe(exitStatus.usage);
    const nowhere = await place.run('get-token', 'gmail', '--token-command', 'true');
    expect(nowhere.stderr).toMatch(/no file is named\nhint: mailbearer get-token gmail/);
  });
});
