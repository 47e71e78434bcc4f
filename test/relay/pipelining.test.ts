/** Commands sent ahead of their replies (RFC 2920), and clients that stop speaking before they stop reading. */
import { describe, expect, it } from 'vitest';
import { greetedClient, TestClient } from '../support/relay-under-test.js';
import { envelope, mail, message, oneAccount, rcpt, replies, submit } from './scene.js';

describe('a pipelined group', () => {
  it('of more commands than may wait for replies is answered to the last', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    client.send(`${mail}${rcpt.repeat(2500)}DATA\r\n`);
    expect((await replies(client, 2502)).at(-1)).toMatch(/^354 /);
    client.send(message);
    expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages[0]?.recipients).toHaveLength(2500);
    client.send('NOOP\r\n'.repeat(2500));
    expect(new Set(await replies(client, 2500))).toEqual(new Set(['250 2.0.0 Ok']));
  });

  it('of several messages is sent one after the other', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    client.send(message + envelope);
    expect(await replies(client, 4)).toEqual([
      '250 2.0.0 Ok: queued',
      '250 2.1.0 Ok',
      '250 2.1.5 Ok',
      expect.stringMatching(/^354 /),
    ]);
    client.send(`${message}QUIT\r\n`);
    expect(await client.rest()).toEqual(['250 2.0.0 Ok: queued', '221 2.0.0 Bye']);
    expect(upstream.messages.map(({ data }) => data)).toEqual([message, message]);
    expect(upstream.connections).toBe(1);
  });

  it('ends with QUIT: nothing behind it is carried out', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    client.send(`QUIT\r\nNOOP\r\n${envelope}`);
    expect(await client.rest()).toEqual(['221 2.0.0 Bye']);
    expect(upstream.connections).toBe(0);
  });

  it('that says RSET before MAIL is answered starts anew, in order', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => (event.startsWith('MAIL FROM:<a@') ? '451 4.3.0 slow down\r\n' : undefined);
    const client = await greetedClient(relay.port);
    client.send(`${mail}${rcpt}RSET\r\n${mail}EHLO again\r\n${rcpt}`);
    expect((await replies(client, 6)).map((reply) => reply.slice(0, 5))).toEqual([
      '451 4',
      '451 4',
      '250 2',
      '451 4',
      '250-r',
      '503 5',
    ]);
    upstream.script = () => undefined;
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('that begins anew does not suffer from the late refusal of what it gave up', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => (event.endsWith('SIZE=1') ? '550 5.7.1 not that one\r\n' : undefined);
    const client = await greetedClient(relay.port);
    client.send(`${mail.trimEnd()} SIZE=1\r\nRSET\r\n${envelope}`);
    expect((await replies(client, 5)).map((reply) => reply.slice(0, 3))).toEqual([
      ...['550', '250', '250', '250', '354'],
    ]);
    client.send(message);
    expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages[0]?.recipients).toHaveLength(1);
  });

  it('behind a refused MAIL is answered with that refusal, even where the upstream accepts recipients', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => (event.startsWith('MAIL') ? '550 5.7.1 not you\r\n' : undefined);
    const client = await greetedClient(relay.port);
    client.send(`${mail}${rcpt}${mail}${rcpt}`);
    expect(await replies(client, 4)).toEqual([
      '550 5.7.1 not you',
      '550 5.7.1 not you',
      expect.stringMatching(/^(503 5\.5\.1|550 5\.7\.1)/),
      '550 5.7.1 not you',
    ]);
  });

  it('is not opened by an upstream that says 354 after it refused MAIL', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => (event.startsWith('MAIL') ? '450 4.7.1 wait\r\n' : undefined);
    const client = await greetedClient(relay.port);
    client.send(envelope);
    expect(await replies(client, 3)).toEqual(['450 4.7.1 wait', '450 4.7.1 wait', '450 4.7.1 wait']);
    upstream.script = () => undefined;
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages).toHaveLength(1);
  });

  it('with refused recipients keeps the others', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => (event.includes('<bad@') ? '550 5.1.1 no such user\r\n' : undefined);
    const client = await greetedClient(relay.port);
    client.send(`${mail}RCPT TO:<bad@example.net>\r\n${rcpt}DATA\r\n`);
    expect((await replies(client, 4)).map((reply) => reply.slice(0, 3))).toEqual([
      '250',
      '550',
      '250',
      '354',
    ]);
    client.send(message);
    expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages[0]?.recipients).toEqual(['RCPT TO:<x@example.net>']);
  });
});

describe('a message sent without waiting for 354', () => {
  it('arrives when the upstream says 354', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    client.send(`${envelope}${message}QUIT\r\n`);
    expect((await client.rest()).map((reply) => reply.slice(0, 3))).toEqual([
      '250',
      '250',
      '354',
      '250',
      '221',
    ]);
    expect(upstream.messages[0]?.data).toBe(message);
  });

  it('ends the connection at its first header line when DATA is refused: no line of it is a command', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => (event.startsWith('DATA') ? '451 4.3.0 no\r\n' : undefined);
    const client = await greetedClient(relay.port);
    client.send(`${envelope}Subject: hi\r\n\r\n${mail}.\r\n`);
    expect((await client.rest()).map((reply) => reply.slice(0, 3))).toEqual(['250', '250', '451']);
    expect(upstream.lines.filter((line) => line.includes('MAIL'))).toHaveLength(1);
  });
});

describe('a client that closes its half of the connection', () => {
  it.each(['at once', 'later'])('behind a whole message (%s) still gets every reply', async (when) => {
    const { upstream, relay } = await oneAccount();
    const client = await TestClient.connect(relay.port);
    await client.reply();
    client.send(`EHLO c\r\n${envelope}${message}NOOP\r\n`);
    if (when === 'at once') client.socket.end();
    else setImmediate(() => client.socket.end());
    expect((await client.rest()).map((reply) => reply.slice(0, 3))).toEqual([
      ...['250', '250', '250', '354', '250', '250'],
    ]);
    expect(upstream.messages).toHaveLength(1);
  });

  it.each(['', 'half a mess', 'a line\r\n.\r'])(
    'in the middle of a message (%j) sends none, and leaves no session',
    async (part) => {
      const { upstream, relay } = await oneAccount();
      const client = await greetedClient(relay.port);
      client.send(envelope + part);
      client.socket.end();
      expect((await client.rest()).every((reply) => /^[23]/.test(reply))).toBe(true);
      await expect.poll(() => upstream.open).toBe(0);
      expect(upstream.messages).toEqual([]);
    },
  );

  it('between two messages leaves a session that the next client uses', async () => {
    const { upstream, relay } = await oneAccount();
    const leaving = await greetedClient(relay.port);
    leaving.send(mail + rcpt);
    await replies(leaving, 2);
    leaving.socket.end();
    expect(await leaving.rest()).toEqual([]);
    await expect.poll(() => upstream.lines.at(-1)).toBe('[1] RSET');
    expect((await submit(await greetedClient(relay.port))).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.connections).toBe(1);
    expect(upstream.messages[0]?.recipients).toHaveLength(1);
  });
});
