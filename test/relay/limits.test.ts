/** What a client may do: each limit with its reply, and that nothing is lost or cut short by one. */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { defaultLimits, type RelayLimits } from '../../src/config/limits.js';
import type { Clock } from '../../src/core/clock.js';
import { greetedClient, type RelayUnderTest, TestClient } from '../support/relay-under-test.js';
import type { UpstreamOptions } from '../support/scripted-upstream.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { closeRelay, envelope, mail, message, oneAccount, rcpt, replies, submit } from './scene.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

const limited = (limits: Partial<RelayLimits>, options: UpstreamOptions = {}, clock?: Clock) =>
  oneAccount(options, { limits: { ...defaultLimits, ...limits } }, clock);

/** What the log says of limits. */
const reached = ({ log }: RelayUnderTest) =>
  log
    .filter((line) => line.message.startsWith('limit reached: '))
    .map(({ message, fields }) => [message.slice('limit reached: '.length, -1), fields['times']]);

/** Octets on loopback have arrived. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

async function greeting(port: number, localAddress = '127.0.0.1'): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => undefined);
  let received = '';
  for await (const chunk of socket) {
    received += String(chunk);
    if (received.startsWith('220')) break;
  }
  return received;
}

describe('one connection too many', () => {
  it('is told 421 4.3.2 and closed; when another one has left, there is room again', async () => {
    const { relay } = await limited({ connections: 2 });
    const first = await greetedClient(relay.port);
    await greetedClient(relay.port);
    const third = await TestClient.connect(relay.port);
    expect(await third.rest()).toEqual(['421 4.3.2 Too many connections, try again later']);
    expect(await first.say('NOOP')).toMatch(/^250 /);
    await first.say('QUIT');
    first.end();
    await expect.poll(() => greeting(relay.port)).toMatch(/^220 /);
  });

  it('from one address is told 421 4.7.0, while another address is served', async () => {
    const { relay } = await limited({ connectionsPerAddress: 2 });
    await greetedClient(relay.port);
    const second = await greetedClient(relay.port);
    expect(await greeting(relay.port)).toMatch(/^421 4\.7\.0 Too many connections from your address/);
    expect(await greeting(relay.port, '127.0.0.2')).toMatch(/^220 /);
    second.end();
    await expect.poll(() => greeting(relay.port)).toMatch(/^220 /);
  });

  it('is written to the log at once, and a flood of them once in ten seconds with their number', async () => {
    const clock = new VirtualClock();
    const { relay } = await limited({ connections: 1 }, {}, clock);
    await greetedClient(relay.port);
    const flood = async (count: number) => {
      for (let index = 0; index < count; index++) expect(await greeting(relay.port)).toMatch(/^421 /);
    };
    const words = '421 4.3.2 Too many connections, try again late';
    await flood(4);
    expect(reached(relay)).toEqual([[words, undefined]]);
    await clock.advance(11 * second);
    expect(reached(relay)).toEqual([
      [words, undefined],
      [words, 3],
    ]);
    await flood(2);
    await closeRelay(relay, clock);
    expect(reached(relay).slice(2)).toEqual([[words, 2]]);
  });

  it('or many that are no mail client do not flood the log either', async () => {
    const { relay } = await oneAccount();
    for (let count = 0; count < 5; count++) {
      const client = await TestClient.connect(relay.port);
      await client.reply();
      client.send('GET / HTTP/1.1\r\n');
      expect(await client.rest()).toEqual([]);
    }
    await closeRelay(relay);
    const said = relay.log.filter(({ message }) => message === 'client spoke HTTP: disconnected');
    expect(said.map(({ fields }) => fields['times'])).toEqual([undefined, 4]);
  });

  it('that is the 5,000th of a flood leaves the others working', { timeout: 60_000 }, async () => {
    const { relay } = await oneAccount();
    const early = await greetedClient(relay.port);
    const flood = await Promise.all(
      Array.from({ length: 5000 }, async () => {
        const client = await TestClient.connect(relay.port);
        return { client, first: await client.reply() };
      }),
    );
    const codes = flood.map(({ first }) => first.slice(0, 3));
    expect(codes.filter((code) => code === '220')).toHaveLength(defaultLimits.connectionsPerAddress - 1);
    expect(codes.filter((code) => code === '421')).toHaveLength(5001 - defaultLimits.connectionsPerAddress);
    expect((await submit(early)).at(-1)).toBe('250 2.0.0 Ok: queued');
    for (const { client } of flood) client.end();
    await expect.poll(() => greeting(relay.port)).toMatch(/^220 /);
  });
});

describe('in one session', () => {
  it('a message too many is told 421 4.7.0 at MAIL; those before it were sent', async () => {
    const { upstream, relay } = await limited({ messagesPerSession: 2 });
    const client = await greetedClient(relay.port);
    for (let count = 0; count < 2; count++)
      expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    client.send(envelope + message);
    expect(await client.rest()).toEqual(['421 4.7.0 Too many messages on one connection, connect again']);
    expect(upstream.messages).toHaveLength(2);
    expect(upstream.lines.filter((line) => line.includes('MAIL'))).toHaveLength(2);
    expect((await submit(await greetedClient(relay.port))).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('an error too many is told 421 4.7.0 after its own reply', async () => {
    const { relay } = await limited({ errorsPerSession: 3 });
    const client = await greetedClient(relay.port);
    client.send('FOO\r\nFOO\r\nNOOP\r\nFOO\r\nNOOP\r\n');
    const codes = (await client.rest()).map((reply) => reply.slice(0, 9));
    expect(codes).toEqual(['500 5.5.2', '500 5.5.2', '250 2.0.0', '500 5.5.2', '421 4.7.0']);
    expect(reached(relay)).toHaveLength(1);
  });

  it('recipients too many are told 452 4.5.3, the others get the message', async () => {
    const { upstream, relay } = await limited({ recipientsPerMessage: 2 });
    const client = await greetedClient(relay.port);
    for (let round = 0; round < 2; round++) {
      client.send(`${mail}${rcpt.repeat(4)}DATA\r\n`);
      const codes = (await replies(client, 6)).map((reply) => reply.slice(0, 9));
      expect(codes).toEqual(['250 2.1.0', '250 2.1.5', '250 2.1.5', '452 4.5.3', '452 4.5.3', '354 End d']);
      client.send(message);
      expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    }
    expect(upstream.messages.map(({ recipients }) => recipients.length)).toEqual([2, 2]);
  });
});

describe('a message that is too large', () => {
  /** So many octets as RFC 1870 counts them. */
  const ofSize = (octets: number) => `${'x'.repeat(octets - 2)}\r\n.\r\n`;

  it('by our limit is refused at MAIL when it says so: 552 5.3.4, and no upstream is asked', async () => {
    const { upstream, relay } = await limited({ messageOctets: 1000 });
    const client = await greetedClient(relay.port);
    client.send(`MAIL FROM:<a@example.org> SIZE=1001\r\n${rcpt}DATA\r\n`);
    expect((await replies(client, 3)).map((reply) => reply.slice(0, 9))).toEqual(Array(3).fill('552 5.3.4'));
    expect(upstream.connections).toBe(0);
    expect(await client.say('MAIL FROM:<a@example.org> SIZE=1000')).toBe('250 2.1.0 Ok');
  });

  it('by our limit is refused at its end otherwise, and the upstream never sees an end', async () => {
    const { upstream, relay } = await limited({ messageOctets: 1000 });
    const client = await greetedClient(relay.port);
    expect((await submit(client, ofSize(1000))).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect((await submit(client, ofSize(1001))).at(-1)).toMatch(/^552 5\.3\.4 .* 1000 octets/);
    expect(upstream.messages).toHaveLength(1);
    await expect.poll(() => upstream.open).toBe(0);
    expect((await submit(client, ofSize(10))).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(relay.log.map((line) => line.message)).toContain('message refused');
  });

  it('does not become so by its dots, which are doubled on the way', async () => {
    const { relay } = await limited({ messageOctets: 1000 });
    const client = await greetedClient(relay.port);
    const dotted = `${'..\r\n'.repeat(333)}.\r\n`;
    expect((await submit(client, dotted)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect((await submit(client, `..\r\n${dotted}`)).at(-1)).toMatch(/^552 5\.3\.4 /);
  });

  it("by the upstream's limit is refused at MAIL in its place when it would not", async () => {
    const { upstream, relay } = await limited({}, { extensions: ['SIZE 1000', 'AUTH XOAUTH2'] });
    const client = await greetedClient(relay.port);
    expect(await client.say('MAIL FROM:<a@example.org> SIZE=1001')).toMatch(/^552 5\.3\.4 .* 1000 octets/);
    expect(upstream.lines.filter((line) => line.includes('MAIL'))).toEqual([]);
    expect(await client.say('MAIL FROM:<a@example.org> SIZE=1000')).toBe('250 2.1.0 Ok');
  });

  it("by the upstream's limit is cut off when it must be, in mid-message, and the rest is swallowed", async () => {
    const { upstream, relay } = await limited({}, { extensions: ['SIZE 100000', 'AUTH XOAUTH2'] });
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    client.send('x'.repeat(200_000));
    await expect.poll(() => upstream.open).toBe(0);
    client.send(`${'x'.repeat(5_000_000)}\r\n.\r\n`);
    expect(await client.reply()).toMatch(/^552 5\.3\.4 .* 100000 octets/);
    expect([upstream.messages.length, upstream.truncated.length]).toEqual([0, 1]);
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it("perhaps, counted in dots, is left to the upstream's judgement", async () => {
    const { upstream, relay } = await limited({}, { extensions: ['SIZE 1000', 'AUTH XOAUTH2'] });
    upstream.script = (event) => (event === 'end' ? '552 5.3.4 too big for me\r\n' : undefined);
    const client = await greetedClient(relay.port);
    expect((await submit(client, ofSize(1200))).at(-1)).toBe('552 5.3.4 too big for me');
    expect(upstream.open).toBe(1);
  });

  it('is none where the upstream knows no limit', async () => {
    for (const size of ['SIZE', 'SIZE 0', 'SIZE lots']) {
      const { relay } = await limited({}, { extensions: [size, 'AUTH XOAUTH2'] });
      const client = await greetedClient(relay.port);
      const reply = await client.say('MAIL FROM:<a@example.org> SIZE=99999999999');
      expect([size, reply]).toEqual([size, '250 2.1.0 Ok']);
    }
  });
});

describe('a client that takes its time', () => {
  const scene = async (limits: Partial<RelayLimits>) => {
    const clock = new VirtualClock();
    const { upstream, relay } = await limited(limits, {}, clock);
    return { clock, upstream, relay };
  };
  /** Says something every minute; the first reply that is a 421, with the minutes that passed. */
  const busy = async (client: TestClient, clock: VirtualClock, text: string): Promise<[number, string]> => {
    for (let minutes = 1; minutes < 400; minutes++) {
      await clock.advance(minute);
      client.send(text);
      // The octets and, if there is one, the reply have crossed the loopback.
      await settled();
      const farewell = /^421.*(?= \(id \w+\)\r\n)/m.exec(client.received)?.[0];
      if (farewell !== undefined) return [minutes, farewell];
    }
    return [Infinity, ''];
  };

  it('to say EHLO is told 421 4.4.2 after the time for that, whatever else it says', async () => {
    const { clock, relay } = await scene({ greetingSeconds: 179 });
    const client = await TestClient.connect(relay.port);
    await client.reply();
    expect(await busy(client, clock, 'NOOP\r\n')).toEqual([
      3,
      '421 4.4.2 This took too long, closing the connection',
    ]);
  });

  it('between two messages may take for ever, as long as it is not silent', async () => {
    const { clock, relay } = await scene({ greetingSeconds: 60, transactionSeconds: 60 });
    const client = await greetedClient(relay.port);
    await submit(client);
    await clock.advance(2 * minute);
    client.send(`${mail}RSET\r\n`);
    await replies(client, 2);
    for (let count = 0; count < 20; count++) {
      await clock.advance(4 * minute);
      expect(await client.say('NOOP')).toMatch(/^250 /);
    }
  });

  it('over a message is told 421 4.4.2 in the end, and the message is not sent', async () => {
    const { clock, upstream, relay } = await scene({ transactionSeconds: 600 });
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    expect(await busy(client, clock, 'one more line\r\n')).toEqual([
      10,
      '421 4.4.2 This took too long, closing the connection',
    ]);
    await settled();
    await clock.advance(12 * second);
    await expect.poll(() => upstream.open).toBe(0);
    expect(upstream.messages).toEqual([]);
  });

  it('over a transaction has five hours by default, as long as Postfix takes at most', async () => {
    const { clock, relay } = await scene({});
    const client = await greetedClient(relay.port);
    client.send(mail);
    await client.reply();
    for (let elapsed = 0; elapsed < 5 * hour - 4 * minute; elapsed += 4 * minute) {
      expect(await client.say('NOOP')).toMatch(/^250 /);
      await clock.advance(4 * minute);
    }
    expect(await client.say('NOOP')).toMatch(/^250 /);
    await clock.advance(4 * minute + 2 * second);
    expect(await client.reply()).toMatch(/^421 4\.4\.2 This took too long/);
  });

  it('may be silent as long as the configuration says, between commands and in a message', async () => {
    const { clock, relay } = await scene({ commandSeconds: 60, dataSeconds: 120 });
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    await clock.advance(110 * second);
    client.send(message);
    expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    await clock.advance(50 * second);
    expect(client.received).toBe('');
    await clock.advance(12 * second);
    expect(await client.reply()).toBe('421 4.4.2 Silent for 1m, closing the connection');
  });
});
