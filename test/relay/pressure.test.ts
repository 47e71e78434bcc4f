/** Who does not read makes the other side wait; the relay keeps little in between. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { greetedClient } from '../support/relay-under-test.js';
import { envelope, mail, message, oneAccount, replies, submit } from './scene.js';

const megabyte = 1024 * 1024;
/** What the kernel may hold in its buffers for two connections on loopback, with room to spare. */
const kernelOctets = 24 * megabyte;
const patience = { timeout: 15_000 };

describe('many sessions that are opened at once', () => {
  it('make Node.js suspect no leak', async () => {
    const warnings: string[] = [];
    const warned = ({ message }: Error) => warnings.push(message);
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => (event === 'greeting' ? 'silence' : undefined);
    const clients = await Promise.all(Array.from({ length: 12 }, () => greetedClient(relay.port)));
    for (const client of clients) client.send(mail);
    await expect.poll(() => upstream.connections).toBe(12);
    expect(warnings).toEqual([]);
    upstream.say('554 5.3.2 not now\r\n');
    for (const client of clients) expect(await client.reply()).toMatch(/^451 /);
  });
});

describe('back-pressure', () => {
  it('reaches the client when the upstream stops reading a message, and the message arrives whole after it', async () => {
    const { upstream, relay } = await oneAccount({ extensions: ['PIPELINING', 'SIZE', 'AUTH XOAUTH2'] });
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    upstream.pause();
    const line = `${'x'.repeat(998)}\r\n`;
    const text = `${line.repeat((kernelOctets * 2) / line.length)}.\r\n`;
    client.send(text);
    await expect.poll(() => client.isBlocked(), patience).toBe(true);
    expect(client.socket.writableLength).toBeGreaterThan(8 * megabyte);
    upstream.resume();
    expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages[0]?.data.length).toBe(text.length);
  });

  it('reaches the client when it does not read its replies, and each of them comes after it', async () => {
    const { relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    client.socket.pause();
    const help = '214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT\r\n';
    const helps = kernelOctets / 2 / help.length;
    client.send('HELP\r\n'.repeat(helps));
    const noop = `NOOP ${'x'.repeat(1900)}\r\n`;
    const noops = kernelOctets / noop.length;
    client.send(noop.repeat(noops));
    await expect.poll(() => client.isBlocked(), patience).toBe(true);
    client.socket.resume();
    client.send('QUIT\r\n');
    await expect.poll(() => client.closed, patience).toBe(true);
    const expected = help.repeat(helps) + '250 2.0.0 Ok\r\n'.repeat(noops) + '221 2.0.0 Bye\r\n';
    expect(client.received === expected).toBe(true);
  });

  it('ends with the replies when a client has sent just as many commands as may wait for them', async () => {
    const { relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    client.send('NOOP\r\n'.repeat(1_001));
    await replies(client, 1_001);
    expect(await client.say('QUIT')).toMatch(/^221/);
  });

  it('reaches a client that sends its message before the upstream has agreed to take it', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => (event === 'DATA' ? 'silence' : undefined);
    const client = await greetedClient(relay.port);
    const line = `${'x'.repeat(998)}\r\n`;
    client.send(envelope + line.repeat((kernelOctets * 2) / line.length));
    await expect.poll(() => client.isBlocked(), patience).toBe(true);
    expect(client.socket.writableLength).toBeGreaterThan(8 * megabyte);
    await expect.poll(() => upstream.lines.at(-1)).toBe('[1] DATA');
    upstream.say('451 4.3.0 no\r\n');
    const answers = (await client.rest()).map((reply) => reply.slice(0, 3));
    expect(answers).toEqual(['250', '250', '451', ...Array.from({ length: 20 }, () => '500'), '421']);
  });

  it('does not reach a client whose session was lost in mid-message: it may finish, and is told', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    upstream.pause();
    const line = `${'x'.repeat(998)}\r\n`;
    client.send(line.repeat((kernelOctets * 2) / line.length));
    await expect.poll(() => client.isBlocked(), patience).toBe(true);
    upstream.reset();
    client.send('.\r\n');
    expect(await client.reply()).toMatch(/^451 4\.4\.2 /);
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('of one client leaves the others alone', async () => {
    const { upstream, relay } = await oneAccount();
    const stuck = await greetedClient(relay.port);
    stuck.socket.pause();
    stuck.send('HELP\r\n'.repeat(200_000));
    const client = await greetedClient(relay.port);
    client.send(mail);
    expect(await client.reply()).toBe('250 2.1.0 Ok');
    client.send('RSET\r\n');
    await client.reply();
    expect((await submit(client, message)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages).toHaveLength(1);
  });
});
