/** What is open to all who reach the status server, asked of a daemon that is doing its work. */
import { spawnSync } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { systemClock } from '../../src/core/clock.js';
import { startDaemon } from '../../src/daemon/serve.js';
import { RelayFigures } from '../../src/relay/figures.js';
import { SocketmapFigures } from '../../src/socketmap/figures.js';
import { Access } from '../../src/status/access.js';
import { RefreshFigures } from '../../src/status/refresh-figures.js';
import { startStatusServer, type StatusServer } from '../../src/status/server.js';
import type { StatusSource } from '../../src/status/source.js';
import { afterwards, submit } from '../relay/scene.js';
import { eventually, temporaryDirectory } from '../support/process.js';
import { recordingLogger } from '../support/recording-logger.js';
import { greetedClient } from '../support/relay-under-test.js';
import { ask, scrape, shownDaemon } from './daemon.js';

describe('the status server', () => {
  it('says that it lives and that it is ready, and no more once it stops', async () => {
    const daemon = await shownDaemon({ senders: ['a@example.org'] });
    const { port, where } = daemon;
    expect(await ask(where, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await ask(where, '/readyz')).toMatchObject({ status: 200, body: 'ready\n' });
    const client = await greetedClient(port);
    await client.say('MAIL FROM:<a@example.org>');
    const closed = daemon.close();
    expect((await ask(where, '/readyz')).status).toBe(503);
    expect((await ask(where, '/healthz')).status).toBe(200);
    client.end();
    await closed;
    await expect(ask(where, '/healthz')).rejects.toThrow(/ECONNREFUSED/);
  });

  it('counts messages, bytes, sessions and the replies of the upstream', async () => {
    const { port, upstream, where } = await shownDaemon({ senders: ['a@example.org'] });
    const client = await greetedClient(port);
    await submit(client);
    upstream.script = (event) => (event.startsWith('RCPT') ? '550 5.1.1 nobody\r\n' : undefined);
    await client.say('MAIL FROM:<a@example.org>');
    expect(await client.say('RCPT TO:<x@example.net>')).toMatch(/^550/);
    expect(await client.say('RSET')).toMatch(/^250/);
    upstream.script = (event) => (event.startsWith('MAIL') ? '451 4.3.0 later\r\n' : undefined);
    expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(/^451/);
    const samples = await scrape(where);
    const [sent] = upstream.messages;
    expect(Object.fromEntries(samples)).toMatchObject({
      'mailbearer_messages_total{outcome="sent"}': 1,
      'mailbearer_messages_total{outcome="deferred"}': 1,
      mailbearer_message_bytes_total: sent!.data.length,
      mailbearer_message_duration_seconds_count: 2,
      'mailbearer_message_duration_seconds_bucket{le="+Inf"}': 2,
      mailbearer_client_sessions: 1,
      mailbearer_upstream_login_duration_seconds_count: 1,
      'mailbearer_tokens{state="fresh"}': 1,
      mailbearer_ready: 1,
    });
    expect(samples.get('mailbearer_upstream_replies_total{class="3xx"}')).toBeGreaterThan(0);
    expect(samples.get('mailbearer_upstream_replies_total{class="5xx"}')).toBeGreaterThan(0);
    expect(samples.get('mailbearer_token_expiry_seconds')).toBeGreaterThan(3500);
    expect(samples.has('nodejs_eventloop_lag_seconds')).toBe(true);
    client.end();
    await eventually('the session to end', () => sample(where, 'mailbearer_client_sessions', 0));
  });

  it('counts refreshes by outcome, and tokens that the server refused', async () => {
    const { endpoint, port, upstream, where } = await shownDaemon({
      lifeSeconds: -60,
      senders: ['a@example.org'],
    });
    await endpoint.waitForRequests(1);
    const refreshed = 'mailbearer_refreshes_total{outcome="refreshed"}';
    await eventually('the refresh to be counted', () => sample(where, refreshed, 1));
    upstream.acceptedTokens = new Set();
    const client = await greetedClient(port);
    expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(/^454/);
    const samples = await scrape(where);
    expect(samples.get('mailbearer_refresh_duration_seconds_count')).toBe(1);
    expect(samples.get('mailbearer_upstream_login_failures_total')).toBe(1);
    expect(samples.get('mailbearer_messages_total{outcome="deferred"}')).toBe(1);
  });

  it('names no mailbox in what is open to all, unless it is told to', async () => {
    for (const name_accounts of [false, true]) {
      const { port, where } = await shownDaemon({ status: { name_accounts }, senders: ['a@example.org'] });
      // From the start, since Prometheus takes the first sight of a counter for its beginning.
      const label = name_accounts ? ',account="a@b.example"' : '';
      expect((await scrape(where)).get(`mailbearer_messages_total{outcome="sent"${label}}`)).toBe(0);
      await submit(await greetedClient(port));
      for (const path of ['/healthz', '/readyz', '/metrics', '/nowhere']) {
        const { body } = await ask(where, path);
        expect([path, body.includes('@')]).toEqual([path, name_accounts && path === '/metrics']);
      }
      const name = 'mailbearer_messages_total{outcome="sent",account="a@b.example"}';
      expect((await scrape(where)).get(name)).toBe(name_accounts ? 1 : undefined);
    }
  });

  it('hears only who asks by a name of this machine, at whatever port', async () => {
    const { where } = await shownDaemon();
    const statusFor = async (host: string) => (await ask(where, '/metrics', { headers: { host } })).status;
    for (const host of ['localhost', 'localhost:9', '127.0.0.1:8025', '[::1]:8025', 'LOCALHOST:80'])
      expect([host, await statusFor(host)]).toEqual([host, 200]);
    for (const host of [
      'attacker.example',
      'attacker.example:8025',
      '127.0.0.1.attacker.example',
      'localhost.attacker.example',
      '127.0.0.1@attacker.example',
      'attacker.example@127.0.0.1',
      '192.0.2.1:8025',
      '0.0.0.0:8025',
      '127.0.0.1:99999',
      '%.localhost',
    ])
      expect([host, await statusFor(host)]).toEqual([host, 421]);
  });

  it('gives other sites nothing to read, frame or embed, and takes only GET and HEAD', async () => {
    const { where } = await shownDaemon();
    const { headers } = await ask(where, '/metrics', { headers: { origin: 'https://attacker.example' } });
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    expect(await ask(where, '/healthz', { method: 'POST' })).toMatchObject({ status: 405 });
    expect(await ask(where, '/healthz', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    expect((await ask(where, '/__proto__')).status).toBe(404);
  });

  it('listens on a socket for owner and group, and takes the place of one that was left behind', async () => {
    const { where } = await shownDaemon({ status: { listen: `unix:${await abandonedSocket()}` } });
    expect(where).toMatch(/^unix:\/.*\.sock$/);
    expect(((await stat(where.slice('unix:'.length))).mode & 0o777).toString(8)).toBe('660');
    expect((await ask(where, '/readyz', { headers: { host: 'localhost' } })).body).toBe('ready\n');
  });

  it('does not start where another has its place, and says what to change', async () => {
    const { configuration, where } = await shownDaemon();
    const again = { ...configuration, status: { listen: where } };
    await expect(startDaemon(parseConfig(again, undefined).config, recordingLogger())).rejects.toMatchObject({
      code: 'listen-failed',
      hint: expect.stringContaining('status.listen'),
    });
    const { where: socket } = await shownDaemon({ status: { listen: `unix:${await abandonedSocket()}` } });
    const onSocket = { ...configuration, status: { listen: socket } };
    await expect(
      startDaemon(parseConfig(onSocket, undefined).config, recordingLogger()),
    ).rejects.toMatchObject({ code: 'listen-failed' });
  });

  it('leaves alone what stands in the place of its socket and is none', async () => {
    const { configuration, directory } = await shownDaemon();
    const path = join(directory, 'tokens', 'a@b.example');
    const inPlace = { ...configuration, status: { listen: `unix:${path}` } };
    await expect(
      startDaemon(parseConfig(inPlace, undefined).config, recordingLogger()),
    ).rejects.toMatchObject({ code: 'listen-failed', message: expect.stringContaining('no socket') });
    expect((await stat(path)).isFile()).toBe(true);
  });

  it('waits for nobody who does not read what was answered', async () => {
    const server = await emptyServer(100);
    const socket = connect(Number(server.where.split(':').at(-1)), '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    // Nothing listens to its data, so it reads none.
    const ask = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(100);
    const asking = setInterval(() => socket.write(ask), 20);
    afterwards(() => Promise.resolve(clearInterval(asking)));
    await closed;
  });

  it('has room for a hundred connections, asking or not', async () => {
    const server = await emptyServer(0);
    const dial = async (): Promise<string> => {
      const socket = connect(Number(server.where.split(':').at(-1)), '127.0.0.1');
      afterwards(() => Promise.resolve(void socket.destroy()));
      // The request does not end.
      socket.on('error', () => undefined).write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET ');
      return new Promise((resolve) => {
        socket.once('data', () => resolve('answered'));
        socket.once('close', () => resolve('closed'));
      });
    };
    for (let count = 0; count < 100; count++) expect(await dial()).toBe('answered');
    expect(await dial()).toBe('closed');
  });

  it('refuses a place that other machines reach, with the remedy', () => {
    for (const listen of ['0.0.0.0:8025', '[::]:8025', '192.0.2.1:80', 'status.example:80'])
      expect(() => parseConfig({ status: { listen } }, undefined)).toThrow(/status\.listen: .*ssh -L/);
    expect(() => parseConfig({ status: { listen: 'unix:run/x' } }, undefined)).toThrow(/absolute path/);
    expect(() => parseConfig({ status: { listen: '8025' } }, undefined)).toThrow(/"127\.0\.0\.1:8025"/);
  });
});

/** Of a daemon with nothing to show; silence is in milliseconds, 0 for any. */
async function emptyServer(silenceMs: number): Promise<StatusServer> {
  const source: StatusSource = {
    clock: systemClock,
    figures: new RelayFigures(),
    refreshes: new RefreshFigures(systemClock),
    questions: new SocketmapFigures(),
    pool: { occupancy: () => new Map(), occupancyOf: () => undefined, refusalOf: () => undefined },
    roster: { accounts: () => [], signInOf: () => undefined },
    database: () => undefined,
    sessions: () => [],
    beginSignIn: undefined,
    nameAccounts: false,
    version: '1',
    isReady: () => true,
  };
  const access = new Access(undefined, systemClock);
  const address = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const server = await startStatusServer(address, source, access, recordingLogger(), { silenceMs });
  afterwards(() => server.close());
  return server;
}

/** Undefined until it is that. */
async function sample(where: string, name: string, value: number): Promise<true | undefined> {
  return (await scrape(where)).get(name) === value || undefined;
}

/** As a daemon that was killed leaves it. */
async function abandonedSocket(): Promise<string> {
  const root = await temporaryDirectory();
  afterwards(() => root.remove());
  const path = join(root.path, 'status.sock');
  const listenAndDie = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', listenAndDie, path]);
  await stat(path);
  return path;
}
