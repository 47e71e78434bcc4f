/** What test-config and doctor say of the relay's ports. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { type Certificate, createCertificateAuthority } from '../support/certificates.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

const user = 'a@corp.example';
let place: TokenDirectory;
let certificate: Certificate;

beforeEach(async () => {
  place = await openTokenDirectory();
  await place.write(user, {});
  const authority = await createCertificateAuthority(join(place.path, 'authority'));
  certificate = await authority.issue('mail', { validTo: new Date(Date.now() + 40 * 86_400_000) });
});
afterEach(() => place.close());

const tls = () => ({
  tls: 'starttls',
  certificate_file: certificate.certificateFile,
  key_file: certificate.keyFile,
});

async function testConfig(...listen: readonly object[]) {
  await place.configure({ accounts: { [user]: { provider: 'corp' } }, relay: { listen } });
  return place.run('test-config');
}

async function portsOf(...listen: readonly object[]): Promise<{ outcome: string; message: string }[]> {
  await place.configure({ accounts: { [user]: { provider: 'corp' } }, relay: { listen } });
  const { stdout } = await place.run('doctor', '--json');
  return (JSON.parse(stdout) as { check: string; outcome: string; message: string }[]).filter(
    ({ check }) => check === 'ports',
  );
}

describe('a port of the relay', () => {
  test('with all that it needs passes, and doctor says until when its certificate holds', async () => {
    const listener = { address: '127.0.0.1:1', ...tls(), accounts: [user] };
    const { status, stderr } = await testConfig(listener);
    expect([status, stderr]).toEqual([exitStatus.ok, '']);
    expect(await portsOf(listener)).toMatchObject([
      {
        outcome: 'pass',
        message: expect.stringMatching(/^the certificate of 127\.0\.0\.1:1 holds until \d{4}-/),
      },
    ]);
  });

  test('says whether its passwords can be read, and whether anybody can sign in', async () => {
    const passwords_file = join(place.path, 'authority', 'passwd');
    const listener = { address: '127.0.0.1:1', auth: { passwords_file } };
    const missing = await testConfig(listener);
    expect(missing.status).toBe(exitStatus.failed);
    expect(missing.stderr).toContain(`there is no passwords file ${passwords_file}`);
    await writeFile(passwords_file, '{ "passwords": [] }', { mode: 0o600 });
    expect(await testConfig(listener)).toMatchObject({ status: exitStatus.ok, stderr: '' });
    expect(await portsOf(listener)).toMatchObject([
      { outcome: 'pass', message: `${passwords_file} holds 0 passwords for 127.0.0.1:1` },
    ]);
    const nobody = await testConfig({ address: '127.0.0.1:1', auth: { required: true } });
    expect(nobody.status).toBe(exitStatus.ok);
    expect(nobody.stderr).toMatch(/^warning: nobody can sign in at 127\.0\.0\.1:1/m);
  });

  test('beyond loopback without TLS and AUTH fails, and says how to mend it', async () => {
    const { status, stderr } = await testConfig({ address: '0.0.0.0:1' });
    expect(status).toBe(exitStatus.failed);
    expect(stderr).toMatch(
      /relay\.listen\[0\]\.address: other machines can reach 0\.0\.0\.0, so it needs "tls"/,
    );
  });

  test('whose key is another one fails, in doctor too', async () => {
    await writeFile(certificate.keyFile, '');
    const listener = { address: '127.0.0.1:1', ...tls() };
    const { status, stderr } = await testConfig(listener);
    expect(status).toBe(exitStatus.failed);
    expect(stderr).toMatch(
      /mail\.pem with .*mail\.key is no certificate with its key: .*\nhint: both are PEM/,
    );
    expect(await portsOf(listener)).toMatchObject([{ outcome: 'fail' }]);
  });

  test('warns of a certificate that ends soon, an account that is none, and a port that is open to all', async () => {
    const authority = await createCertificateAuthority(join(place.path, 'authority'));
    certificate = await authority.issue('mail', { validTo: new Date(Date.now() + 5 * 86_400_000) });
    const { status, stderr } = await testConfig(
      { address: '127.0.0.1:1', ...tls(), accounts: ['a@corp.exmaple'] },
      { address: '0.0.0.0:2', insecure: true },
    );
    expect(status).toBe(exitStatus.ok);
    expect(stderr).toMatch(/the certificate of 127\.0\.0\.1:1, .*mail\.pem, expires on \d{4}-/);
    expect(stderr).toMatch(
      /may use the account a@corp\.exmaple, and there is none; did you mean "a@corp\.example"/,
    );
    expect(stderr).toMatch(/all who reach 0\.0\.0\.0:2 may send/);
  });
});

describe('serve', () => {
  test('does not open a port that other machines reach without TLS and AUTH', async () => {
    await place.configure({ relay: { listen: [{ address: '[::]:0', ...tls() }] } });
    const { status, stderr } = await place.run('serve');
    expect(status).toBe(exitStatus.config);
    expect(stderr).toMatch(/other machines can reach ::, so it needs "auth": \{ "required": true \}/);
  });
});
