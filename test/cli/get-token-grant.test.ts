/** The grants that nobody signs in for, by flags alone: a token, its file, and what the configuration must say. */
import { createPrivateKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { exitStatus } from '../../src/core/errors.js';
import { type ApplicationProvider, startApplicationProvider } from '../oauth/application-provider.js';
import { startGoogleProvider } from '../oauth/google-provider.js';
import { type Certificate, createCertificateAuthority } from '../support/certificates.js';
import { hasTerminals, startOnTerminal } from '../support/run-binary.js';
import { runHere } from '../support/run-here.js';
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
const run = (...args: string[]) => runHere(args, { env: { MAILBEARER_CONFIG: place.configFile, ...env } });
const getToken = (...flags: string[]) =>
  run('get-token', 'oidc', file, '--issuer', issuer(), '--scope', 'mail', '--no-verify', ...flags);

/** On a terminal, data and talk come in one. */
const jsonIn = (shown: string) => /^\{[^]*^\}/m.exec(shown)?.[0] ?? '';

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

  /** The key of the certificate, encrypted. */
  async function encryptedKey(passphrase: string): Promise<string> {
    const keyFile = join(place.path, '..', 'encrypted.key');
    const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } as const;
    await writeFile(keyFile, createPrivateKey(certificate.key).export(options), { mode: 0o600 });
    return keyFile;
  }

  test.each(['a file', 'the environment'])('takes a key whose passphrase is in %s', async (where) => {
    const keyFile = await encryptedKey('open');
    const passphraseFile = join(place.path, '..', 'passphrase');
    await writeFile(passphraseFile, 'open', { mode: 0o600 });
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

  describe.skipIf(!hasTerminals)('on a terminal', () => {
    const onTerminal = (...flags: string[]) =>
      startOnTerminal(
        ['get-token', 'oidc', file, '--issuer', issuer(), '--scope', 'mail', '--no-verify', ...flags],
        { env: { MAILBEARER_CONFIG: place.configFile } },
      );

    test('asks for the passphrase of a key until it fits, does not show it, and says where serve looks', async () => {
      const keyFile = await encryptedKey('open sesame');
      const flags = ['--client-id', 'with-certificate', '--certificate-file', certificate.certificateFile];
      const command = onTerminal(...flags, '--key-file', keyFile);
      await command.says(/Passphrase of \S+encrypted\.key \(not shown\): $/);
      command.press('open barley\r');
      await command.says(/That does not open it\.\s+Passphrase of .*: $/);
      command.press('open sesame\r');
      const { status, stdout } = await command.finished;
      expect(status).toBe(exitStatus.ok);
      expect(stdout).not.toMatch(/sesame|barley/);
      expect(stdout).toContain(`write it into ${keyFile}.passphrase, mode 0600`);
      await writeFile(`${keyFile}.passphrase`, 'open sesame\n', { mode: 0o600 });
      expect(await refreshWith(jsonIn(stdout))).toMatchObject({
        key_passphrase: { file: `${keyFile}.passphrase` },
      });
    });

    test('goes on without a passphrase when none is typed, and says what is wrong', async () => {
      const flags = ['--client-id', 'with-certificate', '--certificate-file', certificate.certificateFile];
      const command = onTerminal(...flags, '--key-file', await encryptedKey('open'));
      await command.says(/Passphrase of/);
      command.press('\r');
      const { status, stdout } = await command.finished;
      expect(status).toBe(exitStatus.config);
      expect(stdout).toMatch(
        /no token for app@corp\.example: \S+ is no PEM key .* without the right passphrase/,
      );
    });

    test('asks for the client secret of an application', async () => {
      const { clientId, clientSecret } = provider.withSecret;
      const command = onTerminal('--grant', 'client_credentials', '--client-id', clientId);
      await command.says(/Client secret \(not shown; .*\): $/);
      command.press(`${clientSecret}\r`);
      const { status, stdout } = await command.finished;
      expect(status).toBe(exitStatus.ok);
      expect(stdout).not.toContain(clientSecret);
      expect(await place.read(user)).toMatchObject({ client_secret: clientSecret });
      await refreshWith(jsonIn(stdout));
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

  test('service_account takes the key as Google hands it out, and asks the endpoint that it names', async () => {
    const google = await startGoogleProvider(user);
    onTestFinished(() => google.close());
    const keyFile = join(place.path, '..', 'key.json');
    await writeFile(keyFile, JSON.stringify(google.keyFile, undefined, 2), { mode: 0o600 });
    const { status, stdout, stderr } = await place.run(
      ...['get-token', 'gmail', file, '--no-verify', '--service-account-file', keyFile],
    );
    expect({ status, stderr }).toMatchObject({ status: exitStatus.ok });
    expect(await place.read(user)).toEqual({
      access_token: google.given[0],
      expiry: expect.stringMatching(/^\d+$/) as string,
    });
    expect(await refreshWith(stdout)).toEqual({
      provider: 'gmail',
      grant: 'service_account',
      service_account_file: keyFile,
    });
    expect(google.given).toHaveLength(2);
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
