/** Who may be silent for how long, on a clock that the test moves. */
import { connect, createServer, type Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { clientStages } from '../../src/protocol/smtp/states.js';
import { greetedClient, type TestClient, testAccount } from '../support/relay-under-test.js';
import { VirtualClock } from '../support/virtual-clock.js';
import {
  afterwards,
  closeRelay,
  envelope,
  mail,
  message,
  oneAccount,
  rcpt,
  relayWith,
  replies,
  submit,
} from './scene.js';

const second = 1000;
const minute = 60 * second;
let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock();
});

/** The reply that comes when `ms` have passed, and not a moment (two looks of the relay) before. */
async function replyAfter(client: TestClient, ms: number): Promise<string> {
  await clock.advance(ms - 2 * second);
  await settled();
  expect(client.received).toBe('');
  await clock.advance(4 * second);
  return client.reply();
}

/** Octets on loopback have arrived. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a client', () => {
  it('that is silent for five minutes is told 421, and cut off when it does not leave', async () => {
    const { relay } = await oneAccount({}, {}, clock);
    const client = await greetedClient(relay.port);
    expect(await replyAfter(client, 5 * minute)).toMatch(/^421 4\.4\.2 /);
    client.send('NOOP\r\n');
    await settled();
    await clock.advance(12 * second);
    await expect.poll(() => client.closed).toBe(true);
    expect(client.received).toBe('');
  });

  it('that talks on after the good-bye gains no time by it', async () => {
    const { relay } = await oneAccount({}, {}, clock);
    const socket = connect({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true });
    let received = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => (received += chunk.toString()));
    await expect.poll(() => received).toMatch(/^220 /);
    await clock.advance(5 * minute + second);
    await expect.poll(() => received).toMatch(/^421 /m);
    for (let count = 0; count < 13; count++) {
      socket.write('NOOP\r\n');
      await settled();
      await clock.advance(second);
    }
    await expect.poll(() => socket.closed).toBe(true);
  });

  it('that is silent in the middle of a message is told 421, and the message is not sent', async () => {
    const { upstream, relay } = await oneAccount({}, {}, clock);
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    client.send('half a mess');
    await expect.poll(() => upstream.chunks.at(-1)).toBe('half a mess');
    expect(await replyAfter(client, 5 * minute)).toMatch(/^421 4\.4\.2 /);
    client.send('age\r\n.\r\n');
    await settled();
    await clock.advance(12 * second);
    await expect.poll(() => upstream.open).toBe(0);
    expect(upstream.messages).toEqual([]);
    expect(relay.log.map((line) => line.message)).toContain('message cut off by the client, and not sent');
  });

  it('has five minutes from the reply, not from its command', async () => {
    const { upstream, relay } = await oneAccount({}, {}, clock);
    upstream.script = (event) => (event.startsWith('MAIL') ? 'silence' : undefined);
    const client = await greetedClient(relay.port);
    client.send(mail);
    await expect.poll(() => upstream.lines.at(-1)).toBe('[1] MAIL FROM:<a@example.org>');
    await clock.advance(4 * minute + 50 * second);
    upstream.say('250 2.1.0 at last\r\n');
    expect(await client.reply()).toBe('250 2.1.0 at last');
    await clock.advance(4 * minute);
    expect(await client.say('RCPT TO:<x@example.net>')).toBe('250 2.1.5 Ok');
  });

  it('is never told 421 while it waits for a slow upstream', async () => {
    const { upstream, relay } = await oneAccount({}, {}, clock);
    upstream.script = (event) => (event === 'end' ? 'silence' : undefined);
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    client.send(message);
    await expect.poll(() => upstream.chunks.at(-1)).toBe(message);
    await clock.advance(9 * minute);
    await settled();
    expect(client.received).toBe('');
    upstream.say('250 2.0.0 after nine minutes\r\n');
    expect(await client.reply()).toBe('250 2.0.0 after nine minutes');
  });
});

describe('a silent upstream', () => {
  const scene = async (stage: string) => {
    const { upstream, relay } = await oneAccount({}, {}, clock);
    upstream.script = (event) => (event.startsWith(stage) ? 'silence' : undefined);
    return { upstream, client: await greetedClient(relay.port) };
  };

  it.each([
    ['greeting', clientStages.greeting],
    ['EHLO', clientStages.ehlo],
    ['AUTH', clientStages.auth],
    ['MAIL', clientStages.mail],
    ['RCPT', clientStages.rcpt],
    ['DATA', clientStages.data],
    ['end', clientStages.end],
  ])('at %s is given up in time: 451, and the client stays connected', async (stage, { timeoutMs, text }) => {
    const { upstream, client } = await scene(stage);
    const lines = [...envelope.trimEnd().split('\r\n'), message.trimEnd()];
    for (const line of lines) {
      client.send(`${line}\r\n`);
      const last = stage === 'end' ? line === lines.at(-1) : line.startsWith(stage);
      if (last || (line.startsWith('MAIL') && /^(greeting|EHLO|AUTH)$/.test(stage))) break;
      await client.reply();
    }
    const seen = stage === 'end' ? () => upstream.chunks.at(-1) === message : () => upstream.connections > 0;
    await expect.poll(seen).toBe(true);
    await settled();
    expect(await replyAfter(client, timeoutMs)).toMatch(/^451 4\.4\.2 a@example\.org: /);
    await expect.poll(() => upstream.open).toBe(0);
    expect(text).not.toBe('');
    upstream.script = () => undefined;
    await client.say('RSET');
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('that drips through every step, and refuses the token after it, is given up after four minutes', async () => {
    const { upstream, account, relay } = await oneAccount({}, {}, clock);
    account.renewed = 'new';
    upstream.script = (event) => (event === '' ? undefined : 'silence');
    const client = await greetedClient(relay.port);
    client.send(mail);
    await expect.poll(() => upstream.connections).toBe(1);
    for (const [answer, next] of [
      ['220 hi\r\n', '[1] EHLO client.example'],
      ['250-hi\r\n250 AUTH XOAUTH2\r\n', expect.stringMatching(/^\[1\] AUTH XOAUTH2 /)],
      ['535 5.7.8 no\r\n', undefined],
      ['220 hi\r\n', '[2] EHLO client.example'],
    ] as const) {
      for (let at = 0; at < answer.length; at++) {
        await clock.advance((55 * second) / answer.length);
        upstream.say(answer.charAt(at));
      }
      if (next === undefined) await expect.poll(() => upstream.connections).toBe(2);
      else await expect.poll(() => upstream.lines.at(-1)).toEqual(next);
    }
    expect(await replyAfter(client, 20 * second)).toMatch(/^451 4\.4\.2 a@example\.org: /);
    await expect.poll(() => upstream.open).toBe(0);
    const logged = relay.log.find((line) => line.message === 'message deferred');
    expect(logged?.fields['cause']).toMatch(/: no session was ready within 4 minutes$/);
  });

  it('at RSET is given up without anyone waiting for it', async () => {
    const { upstream, client } = await scene('RSET');
    client.send(`${mail}${rcpt}RSET\r\n`);
    await replies(client, 3);
    await expect.poll(() => upstream.lines.at(-1)).toBe('[1] RSET');
    await clock.advance(clientStages.rset.timeoutMs + 2 * second);
    await expect.poll(() => upstream.open).toBe(0);
  });

  it('at MAIL on a kept session is found out soon, and a fresh session has all the time that there is', async () => {
    const { upstream, client } = await scene('-');
    await submit(client);
    upstream.script = (event) => (event.startsWith('MAIL') ? 'silence' : undefined);
    client.send(mail);
    await expect.poll(() => upstream.lines.filter((line) => line.includes('MAIL')).length).toBe(2);
    await clock.advance(clientStages.keptMail.timeoutMs + 2 * second);
    await expect.poll(() => upstream.lines.filter((line) => line.includes('MAIL')).length).toBe(3);
    expect(await replyAfter(client, clientStages.mail.timeoutMs)).toMatch(/^451 4\.4\.2 /);
    expect(upstream.connections).toBe(2);
  });

  it('that stops reading the message is given up: 451 at its end', async () => {
    const { upstream, client } = await scene('-');
    client.send(envelope);
    await replies(client, 3);
    upstream.pause();
    const line = `${'x'.repeat(998)}\r\n`;
    client.send(line.repeat(32 * 1024));
    await expect.poll(() => client.isBlocked(), { timeout: 10_000 }).toBe(true);
    await clock.advance(clientStages.body.timeoutMs - 2 * second);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    await clock.advance(4 * second);
    client.send('.\r\n');
    expect(await client.reply()).toMatch(/^451 4\.4\.2 /);
    expect(upstream.messages).toEqual([]);
  });

  it.each(['implicit', 'starttls'] as const)('in the TLS handshake (%s): 451', async (tls) => {
    const heard: string[] = [];
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
      if (tls === 'starttls') socket.write('220 hi\r\n');
      socket.on('data', (chunk) => {
        heard.push(chunk.toString('latin1'));
        if (heard.at(-1)!.startsWith('EHLO')) socket.write('250-x\r\n250 STARTTLS\r\n');
        if (heard.at(-1)!.startsWith('STARTTLS')) socket.write('220 go\r\n');
      });
    });
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    afterwards(() => new Promise((resolve) => server.close(() => resolve())));
    const smtp = { host: 'localhost', port, tls };
    const submission = { user: 'a@example.org', smtp, mechanism: undefined };
    const relay = await relayWith([testAccount('a@example.org', port, { submission })], {}, clock);
    const client = await greetedClient(relay.port);
    client.send(mail);
    await expect.poll(() => heard.at(-1)?.startsWith('\x16\x03')).toBe(true);
    expect(await replyAfter(client, clientStages.tls.timeoutMs)).toMatch(/^451 4\.4\.2 /);
    await expect.poll(() => sockets.size).toBe(0);
    expect(heard.join('')).not.toContain('QUIT');
  });
});

describe('a kept session', () => {
  it('leaves politely after a minute', async () => {
    const { upstream, relay } = await oneAccount({}, {}, clock);
    await submit(await greetedClient(relay.port));
    await clock.advance(58 * second);
    expect(upstream.open).toBe(1);
    await clock.advance(4 * second);
    await expect.poll(() => upstream.lines.at(-1)).toBe('[1] QUIT');
    await expect.poll(() => upstream.open).toBe(0);
  });
});

describe('stopping', () => {
  it('waits thirty seconds for a message in flight, then leaves nothing open', async () => {
    const { upstream, relay } = await oneAccount({}, {}, clock);
    upstream.script = (event) => (event === 'end' ? 'silence' : undefined);
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    client.send(message);
    await expect.poll(() => upstream.chunks.at(-1)).toBe(message);
    let stopped = false;
    const closing = relay.close().then(() => (stopped = true));
    await clock.advance(29 * second);
    expect([stopped, upstream.open]).toEqual([false, 1]);
    await clock.advance(2 * second);
    await closing;
    await expect.poll(() => upstream.open).toBe(0);
    expect(clock.nextTimerMs).toBeUndefined();
  });

  it('leaves nothing open of a login that hangs, or of a session in RSET', async () => {
    for (const stage of ['greeting', 'AUTH', 'RSET']) {
      const { upstream, relay } = await oneAccount({}, {}, clock);
      upstream.script = (event) => (event.startsWith(stage) ? 'silence' : undefined);
      const client = await greetedClient(relay.port);
      client.send(`${mail}${rcpt}RSET\r\n`);
      if (stage === 'greeting') await expect.poll(() => upstream.open).toBe(1);
      else await expect.poll(() => upstream.lines.at(-1)).toContain(stage);
      client.end();
      await closeRelay(relay, clock);
      await expect.poll(() => upstream.open).toBe(0);
      expect(clock.nextTimerMs).toBeUndefined();
    }
  });
});
