import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { freePort } from '../support/process.js';
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

const from = 'a@corp.example';
const to = 'b@example.org';
let place: TokenDirectory;
let upstream: ScriptedUpstream;
let port: number;

beforeEach(async () => {
  place = await openTokenDirectory();
  upstream = await startScriptedUpstream();
  port = await freePort();
  await place.configure({
    accounts: { [from]: { provider: 'corp', smtp: { host: '127.0.0.1', port: upstream.port, tls: 'none' } } },
    relay: { listen: `127.0.0.1:${port}` },
  });
  await place.write(from, {});
});
afterEach(async () => {
  await upstream.close();
  await place.close();
});

const command = (...flags: string[]) => ['test-send', '--from', from, '--to', to, ...flags];
const send = (...flags: string[]) => place.run(...command(...flags));

describe('test-send', () => {
  test('sends a real message straight to the provider, and shows the dialogue without the token', async () => {
    const args = command('--direct', '--subject', 'hello');
    const { status, stdout, stderr } = await place.runBinary(...args);
    expect(status).toBe(exitStatus.ok);
    expect(stdout).toMatch(/^sent to b@example\.org: 250 /);
    expect(upstream.messages).toHaveLength(1);
    expect(upstream.messages[0]?.data).toMatch(/^Subject: hello\r$/m);
    expect(stderr).toMatch(/^C: MAIL FROM:<a@corp\.example>$/m);
    expect(stderr).toMatch(/^S: 250 /m);
    expect(stderr).toMatch(/^S: 250-?.AUTH XOAUTH2 OAUTHBEARER$/m);
    const response = Buffer.from(`user=${from}\x01auth=Bearer A-${from}\x01\x01`).toString('base64');
    expect(upstream.lines.join('\n')).toContain(response);
    expect(stderr).not.toContain(response.slice(0, 30));
    expect(stderr).not.toContain(`A-${from}`);
  });

  test('shows a long token only after the server has asked for it, since Gmail takes no long line', async () => {
    const token = `ya29.${'x1'.repeat(400)}`;
    await place.write(from, { access_token: token });
    const { status, stderr } = await send('--direct');
    expect(status).toBe(exitStatus.ok);
    expect(upstream.lines).toContain('[1] AUTH XOAUTH2');
    expect(upstream.lines.every((line) => !line.includes('AUTH') || line.length < 512)).toBe(true);
    expect(stderr).toMatch(/^C: AUTH XOAUTH2\nS: 334 ?\nC: \[redacted\]\nS: 235 /m);
    expect(stderr).not.toContain('x1x1');
  });

  test('signs in with OAUTHBEARER where that is the mechanism', async () => {
    const smtp = { host: '127.0.0.1', port: upstream.port, tls: 'none' };
    await place.configure({ accounts: { [from]: { provider: 'corp', mechanism: 'oauthbearer', smtp } } });
    const { status, stderr } = await send('--direct');
    expect(status).toBe(exitStatus.ok);
    expect(stderr).toContain('C: AUTH OAUTHBEARER [redacted]');
  });

  test('says why a sign-in is refused, and what mends it, by the name of the mailbox', async () => {
    const refusal =
      '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.';
    upstream.script = (event) => (event.startsWith('AUTH') ? `${refusal}\r\n` : undefined);
    const { status, stderr } = await send('--direct');
    expect(status).toBe(exitStatus.failed);
    expect(stderr).toContain(`was answered ${refusal}`);
    expect(stderr).toContain(`Set-CASMailbox -Identity ${from} -Smtp`);
    expect(upstream.messages).toEqual([]);
  });

  test('does not send without a sign-in where none is offered', async () => {
    upstream.script = (event) => (event.startsWith('EHLO') ? '250 hello\r\n' : undefined);
    const { status, stderr } = await send('--direct');
    expect(status).toBe(exitStatus.config);
    expect(stderr).toMatch(/offers no AUTH at all/);
    expect(upstream.messages).toEqual([]);
  });

  test('is stopped by Ctrl-C', async () => {
    upstream.script = (event) => (event.startsWith('MAIL') ? { act: () => undefined } : undefined);
    const sending = place.startBinary(...command('--direct'));
    await sending.says(/C: MAIL FROM/);
    sending.signal('SIGINT');
    const { status, stderr } = await sending.finished;
    expect(status).toBe(130);
    expect(stderr).not.toContain('not sent');
  });

  test('sends through the relay that runs', async () => {
    const daemon = place.startBinary('serve', '--log-format', 'json');
    await daemon.says(/"msg":"ready"/);
    const { status, stdout } = await send();
    daemon.signal('SIGTERM');
    await daemon.finished;
    expect({ status, stdout }).toMatchObject({
      status: exitStatus.ok,
      stdout: expect.stringContaining('sent to') as string,
    });
    expect(upstream.messages).toHaveLength(1);
  });

  test('says that no relay runs', async () => {
    const { status, stderr } = await send();
    expect(status).toBe(exitStatus.unavailable);
    expect(stderr).toMatch(/ECONNREFUSED.*\nhint: does serve run\?/);
  });

  test('tells the recipient who was left out, and does not call it success', async () => {
    upstream.script = (event) => (event.includes('RCPT TO:<c@') ? '550 5.1.1 no such user\r\n' : undefined);
    const { status, stdout, stderr } = await send('--to', 'c@example.org', '--direct');
    expect(status).toBe(exitStatus.failed);
    expect(stdout).toMatch(/^sent to b@example\.org: /);
    expect(stderr).toMatch(/^mailbearer: c@example\.org was refused: 550 5\.1\.1 no such user$/m);
  });

  test.each([
    ['450 4.2.1 later', exitStatus.tempFail],
    ['550 5.7.1 never', exitStatus.failed],
  ])('ends with what the server said: %s', async (reply, expected) => {
    upstream.script = (event) => (event.startsWith('MAIL') ? `${reply}\r\n` : undefined);
    const { status, stderr, stdout } = await send('--direct', '--json');
    expect(status).toBe(expected);
    expect(stderr).toContain(`not sent: ${reply}`);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, code: Number(reply.slice(0, 3)) });
  });

  test('takes addresses only', async () => {
    expect((await place.run('test-send', '--from', 'me', '--to', to)).status).toBe(exitStatus.usage);
  });

  test('takes the port of relay.listen that demands nothing, or says that there is none', async () => {
    const demanding = { address: '127.0.0.1:1', auth: { required: true } };
    const accounts = { [from]: { provider: 'corp' } };
    await place.configure({ accounts, relay: { listen: [demanding] } });
    const { status, stderr } = await send();
    expect(status).toBe(exitStatus.usage);
    expect(stderr).toMatch(/each port of relay\.listen demands TLS or AUTH\nhint: send with --direct/);
    await place.configure({ accounts, relay: { listen: [demanding, `127.0.0.1:${port}`] } });
    expect((await send()).stderr).toMatch(new RegExp(`:${port}`));
  });
});
