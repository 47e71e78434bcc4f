/** What doctor says of servers that are scripted, and of files. Its parts have tests of their own beside this. */
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { createCertificateAuthority } from '../support/certificates.js';
import { freePort } from '../support/process.js';
import { runBinary } from '../support/run-binary.js';
import { runHere } from '../support/run-here.js';
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.js';
import { startTokenEndpoint } from '../support/token-endpoint.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

const user = 'a@corp.example';
/** A label too long to be asked for: nothing leaves this machine. */
const unknownHost = `${'x'.repeat(64)}.invalid`;
let place: TokenDirectory;
let upstream: ScriptedUpstream;
let port: number;

beforeEach(async () => {
  place = await openTokenDirectory();
  upstream = await startScriptedUpstream();
  port = await freePort();
  place.endpoint.script({ body: { access_token: 'A2', expires_in: 3600 } });
  await configure();
  await place.write(user, {});
});
afterEach(async () => {
  await upstream.close();
  await place.close();
});

const smtp = () => ({ host: '127.0.0.1', port: upstream.port, tls: 'none' });
const configure = (keys: object = {}, entry: object = {}) =>
  place.configure({
    accounts: { [user]: { provider: 'corp', smtp: smtp(), ...entry } },
    relay: { listen: `127.0.0.1:${port}` },
    ...keys,
  });

interface Finding {
  readonly check: string;
  readonly account: string | null;
  readonly outcome: string;
  readonly message: string;
  readonly hint: string | null;
}

/** By check; the first line of each that is wrong, else its first. A Postfix of this machine is left out. */
async function findings(...flags: string[]): Promise<Record<string, Finding>> {
  const { stdout } = await runHere(['doctor', '--json', ...flags], {
    env: { MAILBEARER_CONFIG: place.configFile, MAIL_CONFIG: join(place.path, 'none') },
  });
  const found: Record<string, Finding> = {};
  for (const finding of JSON.parse(stdout) as Finding[])
    if (found[finding.check]?.outcome !== 'fail' && (finding.outcome === 'fail' || !found[finding.check]))
      found[finding.check] = finding;
  return found;
}

const outcomes = (found: Record<string, Finding>) =>
  Object.fromEntries(Object.entries(found).map(([check, { outcome }]) => [check, outcome]));

/** Answers every connection with these octets. */
async function startRawServer(answer: string): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.end(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

describe('doctor', () => {
  test('says of each thing in order how it stands, and ends with 0 when all is well', async () => {
    const daemon = place.startBinary('serve', '--log-format', 'json');
    await daemon.says(/"msg":"ready"/);
    const { status, stdout, stderr } = await runBinary(['doctor'], {
      env: { MAILBEARER_CONFIG: place.configFile, MAIL_CONFIG: '/nowhere' },
    });
    daemon.signal('SIGTERM');
    await daemon.finished;
    const lines = stdout.trimEnd().split('\n');
    const about = lines.map((line) => /^(✓|–) (?:a@corp\.example: )?([^:]*):/.exec(line)?.slice(1).join(' '));
    expect(about).toEqual([
      '✓ configuration',
      '✓ files',
      '✓ account',
      '✓ clock',
      '– DNS',
      '– TLS',
      '– proxy',
      '✓ token endpoint',
      '– claims',
      '✓ refresh',
      '✓ EHLO',
      '✓ AUTH',
      '– ports',
      '✓ relay',
      '– Postfix',
      '– Postfix TLS',
      '– Postfix chroot',
    ]);
    expect(stderr).toBe('');
    expect(status).toBe(exitStatus.ok);
    expect(await place.read(user)).toMatchObject({ access_token: 'A2' });
    expect(upstream.messages).toEqual([]);
  });

  test('translates what the SMTP server says, and names what mends it', async () => {
    upstream.script = (event) =>
      event.startsWith('AUTH')
        ? '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.\r\n'
        : undefined;
    const found = await findings();
    expect(found['EHLO']).toMatchObject({ outcome: 'pass' });
    expect(found['AUTH']).toMatchObject({
      account: user,
      outcome: 'fail',
      message: expect.stringContaining('disabled for the Mailbox') as string,
      hint: expect.stringContaining('Set-CASMailbox') as string,
    });
  });

  test('looks on after a failure at everything that does not rest on it', async () => {
    place.endpoint.script({ status: 400, body: { error: 'invalid_grant' } });
    const found = await findings();
    expect(found['refresh']).toMatchObject({
      outcome: 'fail',
      hint: expect.stringMatching(/mailbearer get-token corp /) as string,
    });
    // The token of the file lives on, and can be shown.
    expect(outcomes(found)).toMatchObject({ clock: 'pass', EHLO: 'pass', AUTH: 'pass' });
    await configure({}, { smtp: { ...smtp(), port: await freePort() } });
    place.endpoint.script({ body: { access_token: 'A3', expires_in: 3600 } });
    expect(outcomes(await findings())).toMatchObject({ refresh: 'pass', EHLO: 'fail', AUTH: 'skip' });
  });

  test('looks at servers even when the token file is damaged', async () => {
    await writeFile(join(place.path, user), 'no token');
    expect(outcomes(await findings())).toMatchObject({
      account: 'fail',
      clock: 'pass',
      'token endpoint': 'pass',
      claims: 'skip',
      refresh: 'skip',
      EHLO: 'pass',
      AUTH: 'skip',
    });
  });

  test('says on one line that the configuration cannot be read, and that nothing else was looked at', async () => {
    await writeFile(place.configFile, '{');
    const { status } = await place.run('doctor');
    expect(status).toBe(exitStatus.failed);
    const { configuration, ...others } = await findings();
    expect(configuration).toMatchObject({ outcome: 'fail' });
    expect(Object.values(others).map(({ outcome }) => outcome)).toEqual(Array(18).fill('skip'));
  });

  test('compares the clock with the token endpoint’s, where it tells the time', async () => {
    place.endpoint.script({
      status: 400,
      headers: { date: new Date(Date.now() - 600_000).toUTCString() },
      body: {},
    });
    expect((await findings())['clock']).toMatchObject({
      outcome: 'fail',
      message: expect.stringMatching(/clock is (10m|9m59s|10m\ds) away/) as string,
      hint: 'timedatectl set-ntp true',
    });
    const timeless = await startRawServer('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
    await configure({}, { token_endpoint: `http://127.0.0.1:${timeless.port}/` });
    const found = await findings();
    timeless.server.close();
    expect(found['clock']).toMatchObject({ outcome: 'skip' });
    expect(found['token endpoint']).toMatchObject({ outcome: 'pass' });
  });

  test('says when the token endpoint cannot be reached, or found', async () => {
    await configure({}, { token_endpoint: `http://127.0.0.1:${await freePort()}/` });
    expect((await findings())['token endpoint']).toMatchObject({
      outcome: 'fail',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
    await configure({}, { token_endpoint: `https://${unknownHost}/` });
    const found = await findings();
    expect(found['DNS']).toMatchObject({
      outcome: 'fail',
      hint: expect.stringContaining(`getent hosts ${unknownHost}`) as string,
    });
    expect(outcomes(found)).toMatchObject({ clock: 'skip', refresh: 'skip', EHLO: 'pass', AUTH: 'pass' });
  });

  test('judges the certificate of the token endpoint, and asks it for the time in any case', async () => {
    const authority = await createCertificateAuthority(join(dirname(place.path), 'authority'));
    const certificate = await authority.issue('endpoint');
    const secured = await startTokenEndpoint(certificate);
    secured.script({ body: { access_token: 'A4', expires_in: 3600 } });
    await configure({}, { token_endpoint: secured.url.href });
    const distrusted = await findings();
    await configure({}, { token_endpoint: secured.url.href, ca_bundle_file: authority.certificateFile });
    const trusted = await findings();
    await secured.close();
    expect(distrusted['TLS']).toMatchObject({
      outcome: 'fail',
      hint: expect.stringContaining('ca_bundle_file') as string,
    });
    expect(outcomes(distrusted)).toMatchObject({ clock: 'pass', 'token endpoint': 'skip', refresh: 'skip' });
    expect(trusted['TLS']!.message).toContain('mailbearer test authority');
    expect(outcomes(trusted)).toMatchObject({ TLS: 'pass', 'token endpoint': 'pass', refresh: 'pass' });
  });

  test('says of a proxy that it lets nothing through, without its password', async () => {
    const proxy = await startRawServer(
      'HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n',
    );
    await configure(
      {},
      { proxy: `http://joe:pa55@127.0.0.1:${proxy.port}`, token_endpoint: 'https://127.0.0.1:1/' },
    );
    const found = await findings();
    proxy.server.close();
    expect(found['proxy']).toMatchObject({
      outcome: 'fail',
      message: expect.stringContaining('407') as string,
    });
    expect(outcomes(found)).toMatchObject({ TLS: 'skip', 'token endpoint': 'skip', refresh: 'skip' });
    expect(JSON.stringify(found)).not.toContain('pa55');
  });

  test('judges what the refresh brought, when the file said nothing yet', async () => {
    const claims = { aud: 'https://management.azure.com', scp: 'user_impersonation' };
    const token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;
    place.endpoint.script({ body: { access_token: token, expires_in: 3600 } });
    expect((await findings())['claims']).toMatchObject({
      outcome: 'fail',
      message: expect.stringContaining('management.azure.com') as string,
    });
  });

  test('finds files and directories that everyone may read or change, and --fix closes them', async () => {
    const modes = { 'r@corp.example': 0o644, 'w@corp.example': 0o602, 'rw@corp.example': 0o666 };
    for (const [name, mode] of Object.entries(modes)) await chmod(await place.write(name, {}), mode);
    await chmod(place.path, 0o777);
    await chmod(place.configFile, 0o646);
    const { stdout } = await place.run('doctor', user);
    expect(stdout).toMatch(/^✗ files: everyone on this machine may write to \S+\/tokens \(mode 0777\)/m);
    expect(stdout).toMatch(/^✗ files: everyone on this machine may write to \S+\.json \(mode 0646\)/m);
    const fixed = await place.run('doctor', '--fix');
    for (const name of Object.keys(modes)) {
      const file = join(place.path, name);
      expect(fixed.stdout).toMatch(new RegExp(`^✓ files: ${file} had mode \\d+, open to strangers`, 'm'));
      expect((await stat(file)).mode & 0o007).toBe(0);
    }
    expect((await stat(place.path)).mode & 0o777).toBe(0o775);
    expect((await stat(place.configFile)).mode & 0o777).toBe(0o644);
  });

  test('says that nothing listens where the relay should, and names a key that nobody knows', async () => {
    await configure({ tokn_dir: '/x' });
    const found = await findings();
    expect(found['relay']).toMatchObject({
      outcome: 'fail',
      hint: expect.stringContaining('serve') as string,
    });
    const { status, stdout } = await place.run('doctor');
    expect(status).toBe(exitStatus.failed);
    expect(stdout).toMatch(/^✗ configuration: .*tokn_dir: unknown key.*did you mean "token_dir"\?$/m);
  });

  test('reads main.cf itself where postconf fails, and a Postfix of no concern is no failure', async () => {
    const directory = join(dirname(place.path), 'postfix');
    const tools = join(dirname(place.path), 'tools');
    await mkdir(directory);
    await mkdir(tools);
    for (const name of ['postconf', 'postmap'])
      await writeFile(join(tools, name), '#!/bin/sh\necho broken >&2\nexit 1\n', { mode: 0o755 });
    const look = async (mainCf: string) => {
      await writeFile(join(directory, 'main.cf'), mainCf);
      const { stdout } = await runHere(['doctor'], {
        env: {
          MAILBEARER_CONFIG: place.configFile,
          MAIL_CONFIG: directory,
          PATH: `${tools}:${process.env['PATH']}`,
        },
      });
      return stdout;
    };
    expect(await look('relayhost = [smtp.example]:587\n')).toMatch(/^– Postfix: relayhost is \[smtp/m);
    const led = await look(`relayhost = [127.0.0.1]:${port}\nsmtp_tls_security_level = encrypt\n`);
    expect(led).toMatch(/^✓ Postfix: mail is handed to /m);
    expect(led).toMatch(/^✗ Postfix TLS: smtp_tls_security_level demands TLS/m);
  });
});
