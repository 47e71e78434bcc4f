/**
 * The first seven of sasl-xoauth2's own test cases, and those of its defects that show on the wire, asked of the
 * whole daemon: real token files, a real token endpoint over HTTP, real SMTP on both sides.
 */
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { systemClock } from '../../src/core/clock.js';
import { type Daemon, startDaemon } from '../../src/daemon/serve.js';
import { temporaryDirectory } from '../support/process.js';
import { endClients, greetedClient } from '../support/relay-under-test.js';
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { type LogLine, loggerInto } from '../support/recording-logger.js';

const sender = 'a@example.org';

let directory: string;
let endpoint: TokenEndpoint;
let upstream: ScriptedUpstream;
let daemon: Daemon;
let log: LogLine[];
let closers: (() => Promise<unknown>)[];

beforeEach(async () => {
  const temporary = await temporaryDirectory();
  directory = temporary.path;
  await mkdir(join(directory, 'tokens'));
  endpoint = await startTokenEndpoint();
  upstream = await startScriptedUpstream();
  closers = [() => temporary.remove(), () => endpoint.close(), () => upstream.close()];
  log = [];
});
afterEach(async () => {
  endClients();
  for (const close of closers.toReversed()) await close();
});

async function start(config: object = {}): Promise<void> {
  const whole = {
    client_id: 'config-client',
    client_secret: 'config-secret',
    token_endpoint: endpoint.url.href,
    token_dir: join(directory, 'tokens'),
    providers: {
      corp: {
        token_endpoint: endpoint.url.href,
        smtp: { host: '127.0.0.1', port: upstream.port, tls: 'none' },
      },
    },
    relay: { listen: '127.0.0.1:0' },
    ...config,
  };
  daemon = await startDaemon(parseConfig(whole, undefined).config, loggerInto(log));
  closers.push(() => daemon.close());
}

async function writeToken(fields: Readonly<Record<string, string>> = {}, name = sender): Promise<void> {
  const token = { access_token: 'T0', refresh_token: 'R0', expiry: inSeconds(3600), ...fields };
  await writeFile(join(directory, 'tokens', name), JSON.stringify(token));
}

function inSeconds(seconds: number): string {
  return String(Math.floor(systemClock.now() / 1000) + seconds);
}

/** What the client is told at MAIL. */
async function mail(from = sender): Promise<string> {
  const client = await greetedClient(daemon.addresses[0]!.port);
  const answer = await client.say(`MAIL FROM:<${from}>`);
  client.end();
  return answer;
}

/** The SASL responses that the upstream was sent, decoded. */
function responses(): string[] {
  return upstream.lines
    .filter((line) => / AUTH XOAUTH2 /.test(line))
    .map((line) => Buffer.from(line.split(' ').at(-1)!, 'base64').toString());
}

describe("sasl-xoauth2's test cases", () => {
  it('1: user and token are in the response', async () => {
    await writeToken();
    await start();
    expect(await mail()).toBe('250 2.1.0 Ok');
    expect(responses()).toEqual([`user=${sender}\x01auth=Bearer T0\x01\x01`]);
    expect(endpoint.requests).toEqual([]);
  });

  it('2: credentials may arrive late: a token file that appears while running is used', async () => {
    await start();
    expect(await mail()).toMatch(/^451 /);
    await writeToken();
    await expect.poll(() => mail(), { timeout: 1000 }).toBe('250 2.1.0 Ok');
  });

  it('3: `user` in the file wins, and the original name is absent', async () => {
    await writeToken({ user: 'other@example.org' }, 'original@example.org');
    await start();
    expect(await mail('anyone@example.org')).toBe('250 2.1.0 Ok');
    expect(responses()).toEqual(['user=other@example.org\x01auth=Bearer T0\x01\x01']);
    expect(responses().join()).not.toContain('original');
  });

  it("4: the file's endpoint and empty secret are what a refresh uses", async () => {
    const other = await startTokenEndpoint();
    closers.push(() => other.close());
    await writeToken({
      expiry: '0',
      token_endpoint: other.url.href,
      client_id: 'file-client',
      client_secret: '',
    });
    await start({ accounts: { [sender]: { provider: 'corp' } } });
    expect(await mail()).toBe('250 2.1.0 Ok');
    expect(endpoint.requests).toEqual([]);
    expect(Object.fromEntries(other.requests[0]!.form)).toEqual({
      client_id: 'file-client',
      grant_type: 'refresh_token',
      refresh_token: 'R0',
    });
  });

  it('5: a permanent error (a challenge whose status is neither 400 nor 401) fails without a refresh', async () => {
    await writeToken();
    // Old enough that its age would not speak against a refresh.
    await age();
    upstream.script = refuseWith('{"status":"500"}');
    await start();
    expect(await mail()).toMatch(/^454 4\.7\.0 a@example\.org: /);
    expect(await mail()).toMatch(/^454 4\.7\.0 /);
    expect(endpoint.requests).toEqual([]);
  });

  it('6: an expired-token error triggers a refresh, and within the same session the message goes', async () => {
    await writeToken();
    await age();
    upstream.acceptedTokens = new Set(['access-token-1']);
    await start();
    expect(await mail()).toBe('250 2.1.0 Ok');
    expect(endpoint.requests).toHaveLength(1);
    expect(responses().at(-1)).toContain('Bearer access-token-1');
  });

  it('7: a token inside the window is refreshed before use', async () => {
    await writeToken({ expiry: inSeconds(400) });
    await age();
    await start();
    expect(await mail()).toBe('250 2.1.0 Ok');
    expect(endpoint.requests).toHaveLength(1);
    expect(responses()).toEqual([`user=${sender}\x01auth=Bearer access-token-1\x01\x01`]);
  });

  it('7, deliberately different: when that fails the old token is used while it lives', async () => {
    endpoint.script({ status: 503 });
    await writeToken({ expiry: inSeconds(400) });
    await age();
    await start();
    expect(await mail()).toBe('250 2.1.0 Ok');
    expect(responses()).toEqual([`user=${sender}\x01auth=Bearer T0\x01\x01`]);
  });

  it('7, deliberately different: when it no longer lives, nothing is sent', async () => {
    endpoint.script({ status: 503 });
    await writeToken({ expiry: inSeconds(-1) });
    await start();
    expect(await mail()).toMatch(/^454 4\.7\.0 a@example\.org: the token endpoint gives no token now/);
    expect(upstream.connections).toBe(0);
  });
});

describe("sasl-xoauth2's defects", () => {
  it('1: HVE is never shown a token with less than ten minutes left', async () => {
    await writeToken({ expiry: inSeconds(650) });
    await age();
    const hve = {
      token_endpoint: endpoint.url.href,
      smtp: { host: '127.0.0.1', port: upstream.port, tls: 'none' },
    };
    await start({ providers: { hve }, accounts: { [sender]: { provider: 'hve' } }, refresh_window: '10' });
    await expect.poll(() => mail()).toBe('250 2.1.0 Ok');
    expect(endpoint.requests).toHaveLength(1);
    expect(responses()).toEqual([`user=${sender}\x01auth=Bearer access-token-1\x01\x01`]);
  });

  it('5 and 13: the log explains a dead grant and holds no token and no secret', async () => {
    endpoint.script({ status: 400, body: { error: 'invalid_grant', error_description: 'R0 has expired' } });
    await writeToken({ expiry: '0' });
    await start();
    expect(await mail()).toMatch(
      /^454 4\.7\.0 a@example\.org: the sign-in has ended .*\(invalid_grant\).* mailbearer get-token/,
    );
    const lines = JSON.stringify(log);
    expect(lines).toContain('invalid_grant');
    expect(lines).toContain('mailbearer get-token corp');
    for (const secret of ['R0', 'T0', 'config-secret']) expect(lines).not.toContain(secret);
  });

  it('6: no token leaves over a connection without TLS', async () => {
    await writeToken();
    const smtp = { host: '127.0.0.1', port: upstream.port, tls: 'starttls' };
    await start({ providers: { corp: { token_endpoint: endpoint.url.href, smtp } } });
    expect(await mail()).toMatch(/^451 4\.4\.0 /);
    expect(upstream.lines.join()).not.toContain('AUTH');
  });

  it('7: a bare 535 leads to a refresh and a retry, too', async () => {
    await writeToken();
    await age();
    upstream.script = (event, { number }) =>
      event.startsWith('AUTH') && number === 1 ? '535 5.7.3 Authentication unsuccessful\r\n' : undefined;
    await start();
    expect(await mail()).toBe('250 2.1.0 Ok');
    expect(endpoint.requests).toHaveLength(1);
  });

  it('7: the challenge is answered, and its reason is read', async () => {
    await writeToken();
    upstream.script = refuseWith('{"status":"401","schemes":"Bearer"}');
    await start();
    expect(await mail()).toMatch(/^454 4\.7\.0 a@example\.org: .*535 5\.7\.8 no/);
    expect(upstream.lines.at(-1)).toBe(`[${upstream.connections}] `);
    expect(JSON.stringify(log)).toContain('schemes');
  });

  it("8: one account's dead grant leaves the others' mail and the connection alone", async () => {
    endpoint.script({ status: 400, body: { error: 'invalid_grant' } });
    await writeToken({ expiry: '0' }, 'dead@example.org');
    await writeToken();
    await start();
    const client = await greetedClient(daemon.addresses[0]!.port);
    expect(await client.say('MAIL FROM:<dead@example.org>')).toMatch(/^454 4\.7\.0 dead@example\.org: /);
    expect(await client.say(`MAIL FROM:<${sender}>`)).toBe('250 2.1.0 Ok');
  });

  it('11: an expiry that makes no sense only forces a refresh', async () => {
    for (const [index, expiry] of ['', 'soon', '99999999999'].entries()) {
      await writeToken({ expiry }, `${index}@example.org`);
    }
    await start();
    for (const index of [0, 1, 2]) expect(await mail(`${index}@example.org`)).toBe('250 2.1.0 Ok');
    expect(endpoint.requests).toHaveLength(3);
    const written = JSON.parse(await readFile(join(directory, 'tokens', '1@example.org'), 'utf8')) as {
      expiry: string;
    };
    expect(Number(written.expiry)).toBeGreaterThan(systemClock.now() / 1000 + 3000);
  });
});

/** Makes the token file as old as a token that is not refreshed again because a server refused it. */
async function age(): Promise<void> {
  const seconds = systemClock.now() / 1000 - 3000;
  await utimes(join(directory, 'tokens', sender), seconds, seconds);
}

function refuseWith(challenge: string) {
  return (event: string): string | undefined => {
    if (event.startsWith('AUTH')) return `334 ${Buffer.from(challenge).toString('base64')}\r\n`;
    return event === '' ? '535 5.7.8 no\r\n' : undefined;
  };
}
