/** What doctor says of servers that are scripted, and of settings that are given. */
import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { judgeClaims, readClaims } from '../../src/cli/doctor/claims.js';
import { judgeMainCf, parseMainCf } from '../../src/cli/doctor/postfix.js';
import { exitStatus } from '../../src/core/errors.js';
import { adviceForRefusal } from '../../src/relay/refusal-advice.js';
import { freePort } from '../support/process.js';
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

const user = 'a@corp.example';
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

const configure = (keys: object = {}) =>
  place.configure({
    accounts: { [user]: { provider: 'corp', smtp: { host: '127.0.0.1', port: upstream.port, tls: 'none' } } },
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

async function findings(...flags: string[]): Promise<Record<string, Finding>> {
  const { stdout } = await place.run('doctor', '--json', ...flags);
  return Object.fromEntries((JSON.parse(stdout) as Finding[]).map((finding) => [finding.check, finding]));
}

describe('doctor', () => {
  test('says of each thing in order how it stands, and ends with 0 when all is well', async () => {
    const daemon = place.start('serve', '--log-format', 'json');
    await daemon.says(/"msg":"ready"/);
    const { status, stdout, stderr } = await place.run('doctor');
    daemon.signal('SIGTERM');
    await daemon.finished;
    const lines = stdout.trimEnd().split('\n');
    const about = lines.map((line) => /^(✓|–) (?:a@corp\.example: )?([^:]*):/.exec(line)?.slice(1).join(' '));
    expect(about.slice(0, 7)).toEqual([
      '✓ configuration',
      '✓ files',
      '✓ token endpoint',
      '✓ refresh',
      '– token',
      '✓ SMTP sign-in',
      '✓ relay',
    ]);
    expect(stderr).toBe('');
    // A Postfix that happens to be on this machine does not use this relay.
    expect(status).toBe(stdout.includes('✗ Postfix') ? exitStatus.failed : exitStatus.ok);
    expect(await place.read(user)).toMatchObject({ access_token: 'A2' });
    expect(upstream.messages).toEqual([]);
  });

  test('translates what the SMTP server says, and names what mends it', async () => {
    upstream.script = (event) =>
      event.startsWith('AUTH')
        ? '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.\r\n'
        : undefined;
    expect((await findings())['SMTP sign-in']).toMatchObject({
      account: user,
      outcome: 'fail',
      message: expect.stringContaining('disabled for the Mailbox') as string,
      hint: expect.stringContaining('Set-CASMailbox') as string,
    });
  });

  test('stops at the first thing of an account that is wrong: the rest follows from it', async () => {
    place.endpoint.script({ status: 400, body: { error: 'invalid_grant' } });
    const found = await findings();
    expect(found['refresh']).toMatchObject({
      outcome: 'fail',
      hint: expect.stringMatching(/mailbearer get-token corp /) as string,
    });
    expect(found).not.toHaveProperty('SMTP sign-in');
  });

  test('compares the clock with the token endpoint’s', async () => {
    place.endpoint.script({
      status: 400,
      headers: { date: new Date(Date.now() - 600_000).toUTCString() },
      body: {},
    });
    expect((await findings())['token endpoint']).toMatchObject({
      outcome: 'fail',
      message: expect.stringMatching(/clock is (10m|9m59s|10m\ds) away/) as string,
      hint: 'timedatectl set-ntp true',
    });
  });

  test('says when the token endpoint cannot be reached', async () => {
    const nobody = await freePort();
    await configure({ accounts: { [user]: { token_endpoint: `http://127.0.0.1:${nobody}/` } } });
    expect((await findings())['token endpoint']).toMatchObject({
      outcome: 'fail',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  test('finds files that everyone may read, and --fix closes them', async () => {
    const file = join(place.path, user);
    await chmod(file, 0o644);
    expect((await findings())['files']).toMatchObject({
      outcome: 'fail',
      hint: `chmod o= ${file}, or doctor --fix`,
    });
    await place.run('refresh', user);
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    expect((await findings('--fix'))['files']).toMatchObject({ outcome: 'pass' });
    expect((await stat(file)).mode & 0o777).toBe(0o640);
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
});

describe('what a token says of itself', () => {
  const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;

  it('is read without being believed, and an opaque one is not', () => {
    expect(readClaims(jwt({ aud: 'x' }))).toEqual({ aud: 'x' });
    for (const opaque of ['ya29.a0Af', 'EwB', 'a.b.c', 'a.b.c.d']) expect(readClaims(opaque)).toBeUndefined();
  });

  it.each([
    [{ aud: 'https://outlook.office.com', scp: 'SMTP.Send', tid: 't' }, 'pass', 'with SMTP.Send, tenant t'],
    [{ aud: 'https://outlook.office365.com', roles: ['SMTP.SendAsApp'] }, 'pass', 'with SMTP.SendAsApp'],
    [{ aud: 'https://outlook.office.com', scp: 'IMAP.AccessAsUser.All' }, 'fail', 'not enough to send'],
    [{ aud: 'https://graph.microsoft.com', scp: 'SMTP.Send' }, 'fail', 'Microsoft Graph'],
    [{ aud: '00000003-0000-0000-c000-000000000000', scp: 'Mail.Send' }, 'fail', 'Microsoft Graph'],
    [{ aud: 'https://outlook.office.com', scp: 'SMTP.Send', appid: 'other' }, 'fail', 'another client'],
    [{ aud: 'mail', scope: 'smtp' }, 'pass', 'for mail, with smtp'],
  ])('%j: %s', (claims, outcome, message) => {
    expect(judgeClaims(claims, 'id')).toMatchObject({
      outcome,
      message: expect.stringContaining(message) as string,
    });
  });
});

describe('a main.cf', () => {
  const judge = (text: string) => judgeMainCf(parseMainCf(text), [2525]);
  const relayhost = 'relayhost = [127.0.0.1]:2525\n';

  it('that leads to the relay is fine', () => {
    expect(judge(relayhost).map(({ outcome }) => outcome)).toEqual(['pass']);
  });

  it.each([
    ['leads nowhere', '', "postconf -e 'relayhost = [127.0.0.1]:2525'"],
    ['leads elsewhere', 'relayhost = [smtp.gmail.com]:587\n', 'postconf -e'],
    ['has another port', 'relayhost = [127.0.0.1]:25\n', 'postconf -e'],
    ['demands TLS', `${relayhost}smtp_tls_security_level = encrypt\n`, 'smtp_tls_policy_maps = inline:'],
    ['goes past it', `${relayhost}transport_maps = hash:/etc/postfix/transport\n`, 'remove what leads past'],
  ])('that %s is told with what mends it', (_, text, hint) => {
    expect(judge(text)).toContainEqual({
      outcome: 'fail',
      message: expect.any(String) as string,
      hint: expect.stringContaining(hint) as string,
    });
  });

  it('may demand TLS of all but the relay', () => {
    const policy = 'smtp_tls_policy_maps = inline:{ [127.0.0.1]:2525=none }\n';
    const verdicts = judge(`${relayhost}smtp_tls_security_level = encrypt\n${policy}`);
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['pass', 'pass']);
  });
});

describe('the words of a refusal', () => {
  it.each([
    [
      '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit …',
      'Set-TransportConfig',
    ],
    [
      '535 5.7.139 Authentication unsuccessful, user is locked by your organization’s security defaults policy',
      'security defaults',
    ],
    ['535 5.7.3 Authentication unsuccessful [AM0PR.prod.outlook.com]', 'SMTP.Send'],
    ['501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon error', 'hve'],
    ['535-5.7.8 Username and Password not accepted', 'https://mail.google.com/'],
  ])('%s', (said, advice) => {
    expect(adviceForRefusal(said)).toContain(advice);
  });

  it('that nobody knows have no advice', () => {
    expect(adviceForRefusal('550 5.1.1 no such user')).toBeUndefined();
  });
});
