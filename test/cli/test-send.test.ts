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

const send = (...flags: string[]) => place.run('test-send', '--from', from, '--to', to, ...flags);

describe('test-send', () => {
  test('sends a real message straight to the provider, and shows the dialogue without the token', async () => {
    const { status, stdout, stderr } = await send('--direct', '--subject', 'hello');
    expect(status).toBe(exitStatus.ok);
    expect(stdout).toMatch(/^sent to b@example\.org: 250 /);
    expect(upstream.messages).toHaveLength(1);
    expect(upstream.messages[0]?.data).toMatch(/^Subject: hello\r$/m);
    expect(stderr).toMatch(/^C: MAIL FROM:<a@corp\.example>$/m);
    expect(stderr).toMatch(/^S: 250 /m);
    const response = Buffer.from(`user=${from}\x01auth=Bearer A-${from}\x01\x01`).toString('base64');
    expect(upstream.lines.join('\n')).toContain(response);
    expect(stderr).not.toContain(response.slice(0, 30));
    expect(stderr).not.toContain(`A-${from}`);
  });

  test('sends through the relay that runs', async () => {
    const daemon = place.start('serve', '--log-format', 'json');
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
});
