/** Accounts that nobody signs in for, from the command line: with the configuration alone, and no token file yet. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { startApplicationProvider } from '../oauth/application-provider.js';
import {
  type Certificate,
  type CertificateAuthority,
  createCertificateAuthority,
} from '../support/certificates.js';
import { startBinary } from '../support/run-binary.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

const user = 'app@corp.example';
let place: TokenDirectory;

beforeEach(async () => {
  place = await openTokenDirectory();
  place.endpoint.script({ body: { access_token: 'A1', expires_in: 3600 } });
});
afterEach(() => place.close());

const configure = (entry: object) =>
  place.configure({ accounts: { [user]: { provider: 'corp', client_secret: 'S', ...entry } } });

describe('an account with client credentials', () => {
  beforeEach(() => configure({ grant: 'client_credentials', scope: 'https://mail.example/.default' }));

  test('gets its first token from get-token, without a question, in a file of its own', async () => {
    const file = join(place.path, user);
    const { status, stdout, stderr } = await place.run('get-token', 'corp', file);
    expect({ status, stdout }).toEqual({ status: exitStatus.ok, stdout: '' });
    expect(stderr).toMatch(/^No sign-in is needed\. A token \(for (1h|59m\d+s)\) is in /);
    expect(await place.read(user)).toEqual({
      access_token: 'A1',
      expiry: expect.stringMatching(/^\d+$/) as string,
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const form = Object.fromEntries(place.endpoint.requests[0]!.form);
    expect(form).toEqual({
      grant_type: 'client_credentials',
      scope: 'https://mail.example/.default',
      client_id: 'id',
      client_secret: 'S',
    });
  });

  test('needs no token file for token, refresh and status', async () => {
    expect((await place.run('status', user)).stdout).toMatch(/broken/);
    expect((await place.run('token', user)).stdout).toBe('A1\n');
    expect(await place.run('status')).toMatchObject({ status: exitStatus.ok, stderr: '' });
    expect((await place.run('refresh')).stdout).toMatch(/refreshed/);
    expect(await place.run('test-config')).toMatchObject({ status: exitStatus.ok, stderr: '' });
  });

  test('says what to mend when the secret is refused, and offers no sign-in', async () => {
    place.endpoint.script({
      status: 401,
      body: {
        error: 'invalid_client',
        error_description: 'AADSTS7000222: The provided client secret keys are expired.',
      },
    });
    const { status, stderr } = await place.run('get-token', 'corp', join(place.path, user));
    expect(status).toBe(exitStatus.config);
    expect(stderr).toMatch(/^hint: the client secret has expired: create a new one/m);
    expect(stderr).not.toContain('overwrite');
  });

  test('is sent by serve, which makes the file', async () => {
    await configure({ grant: 'client_credentials', token_file: join(place.path, 'app') });
    const daemon = place.startBinary('serve', '--log-format', 'json');
    await daemon.says(/"msg":"token refreshed"/);
    daemon.signal('SIGTERM');
    await daemon.finished;
    expect(JSON.parse(await readFile(join(place.path, 'app'), 'utf8'))).toMatchObject({ access_token: 'A1' });
  });
});

describe('serve opens a key with a passphrase', () => {
  test.each(['a file', 'the environment'])('that is in %s, where only the issuer is known', async (where) => {
    const authority = await createCertificateAuthority(join(place.path, '..', 'certificates'));
    const { certificate, certificateFile, key } = await authority.issue('app');
    const provider = await startApplicationProvider({ certificate, scope: 'mail' });
    onTestFinished(() => provider.close());
    const keyFile = join(place.path, '..', 'encrypted.key');
    const passphraseFile = join(place.path, '..', 'passphrase');
    const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' } as const;
    await writeFile(keyFile, createPrivateKey(key).export(options), { mode: 0o600 });
    await writeFile(passphraseFile, 'open\n', { mode: 0o600 });
    await configure({
      provider: 'oidc',
      issuer: provider.tokenEndpoint.origin,
      scope: 'mail',
      grant: 'client_credentials',
      client_id: provider.withCertificate.clientId,
      certificate_file: certificateFile,
      key_file: keyFile,
      key_passphrase: where === 'a file' ? { file: passphraseFile } : { env: 'PASSPHRASE' },
    });
    const env = {
      MAILBEARER_CONFIG: place.configFile,
      ...(where !== 'a file' && { PASSPHRASE: 'open' }),
    };
    const daemon = startBinary(['serve', '--log-format', 'json'], { env });
    await daemon.says(/"msg":"token refreshed"/);
    daemon.signal('SIGTERM');
    expect((await daemon.finished).stderr).not.toContain('"level":"error"');
    expect(await place.read(user)).toMatchObject({ access_token: expect.any(String) as string });
  });
});

describe('test-config opens the files of', () => {
  let authority: CertificateAuthority;
  let good: Certificate;
  beforeEach(async () => {
    authority = await createCertificateAuthority(join(place.path, '..', 'certificates'));
    good = await authority.issue('app');
  });

  async function verdict(entry: object): Promise<string> {
    await configure(entry);
    const { status, stderr, stdout } = await place.run('test-config');
    expect(stdout).toBe(`Config check ${status === 0 ? 'passed' : 'failed'}.\n`);
    return stderr;
  }
  const certified = (certificate: string, key: string) =>
    verdict({ grant: 'client_credentials', certificate_file: certificate, key_file: key });

  test('a certificate, and names the one that cannot be used', async () => {
    expect(await certified(good.certificateFile, good.keyFile)).toBe('');
    const other = await authority.issue('other');
    expect(await certified(good.certificateFile, other.keyFile)).toMatch(
      /account app@corp\.example: \S*other\.key is not the key of \S*app\.pem\nhint: /,
    );
    const old = await authority.issue('old', { validTo: new Date(Date.now() - 1000) });
    expect(await certified(old.certificateFile, old.keyFile)).toMatch(
      /certificate \S*old\.pem expired on .*\nhint: make a new one/,
    );
    expect(await certified(join(place.path, 'none.pem'), good.keyFile)).toMatch(/cannot read \S*none\.pem/);
  });

  test('a key with a passphrase, which must be the right one', async () => {
    const keyFile = join(place.path, '..', 'encrypted.key');
    const pem = createPrivateKey(good.key).export({
      ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' },
    });
    await writeFile(keyFile, pem, { mode: 0o600 });
    const files = { certificate_file: good.certificateFile, key_file: keyFile };
    const by = (key_passphrase?: string) =>
      verdict({ grant: 'client_credentials', ...files, key_passphrase });
    expect(await by('open sesame')).toBe('');
    for (const wrong of ['wrong', undefined])
      expect(await by(wrong)).toMatch(
        /encrypted\.key is no PEM key.* passphrase\nhint: check key_passphrase/,
      );
  });

  test('a service account', async () => {
    const file = join(place.path, '..', 'service-account.json');
    const of = () => verdict({ grant: 'service_account', scope: 's', service_account_file: file });
    expect(await of()).toMatch(
      /account app@corp\.example: cannot read the service account's key \S*\.json: ENOENT/,
    );
    const private_key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      ...{ type: 'pkcs8', format: 'pem' },
    });
    await writeFile(file, JSON.stringify({ client_email: 'robot@corp.example', private_key }), {
      mode: 0o600,
    });
    expect(await of()).toBe('');
  });
});

describe('an account with a command', () => {
  test('has the token that the command prints, and no client id', async () => {
    await place.configure({
      client_id: undefined,
      accounts: {
        [user]: { provider: 'corp', grant: 'command', token_command: ['printf', 'from elsewhere'] },
      },
    });
    expect((await place.run('token', user)).stderr).toContain(
      `no token for ${user}: token_command printed no token`,
    );
    await place.configure({
      client_id: undefined,
      accounts: { [user]: { provider: 'corp', grant: 'command', token_command: 'printf elsewhere' } },
    });
    expect(await place.run('token', user)).toMatchObject({ status: exitStatus.ok, stdout: 'elsewhere\n' });
  });
});
