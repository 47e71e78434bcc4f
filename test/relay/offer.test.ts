/** What EHLO offers before and after the upstreams were seen, and what becomes of parameters that need more. */
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/config/limits.js';
import { AppError } from '../../src/core/errors.js';
import { gmail, hve, outlook, type Provider } from '../../src/providers/index.js';
import { ExtensionMemory, Offers } from '../../src/relay/offer.js';
import { greetedClient, type TestAccount, TestClient, testAccount } from '../support/relay-under-test.js';
import { mail, message, oneAccount, rcpt, relayWith, replies, upstreamWith } from './scene.js';

/** What all of them have here. */
const auth = 'AUTH XOAUTH2';
const esc = 'ENHANCEDSTATUSCODES';

/** What a new client is offered, without what is always there. */
async function offered(port: number): Promise<string[]> {
  const client = await TestClient.connect(port);
  await client.reply();
  const lines = (await client.say('EHLO client.example')).split('\r\n').slice(1);
  client.end();
  const keywords = lines.map((line) => line.slice('250-'.length));
  expect([keywords[0], keywords.at(-1)]).toEqual(['PIPELINING', esc]);
  return keywords.slice(1, -1);
}

/** Upstreams that offer these, each with an account: a1@example.org, a2@example.org, … */
async function upstreamsWith(...offers: string[][]) {
  const upstreams = await Promise.all(
    offers.map((extensions) => upstreamWith({ extensions: [...extensions, esc, auth] })),
  );
  const accounts: TestAccount[] = upstreams.map(({ port }, index) =>
    testAccount(`a${index + 1}@example.org`, port),
  );
  return { upstreams, accounts };
}

/** Mail of this account meets its upstream, which is then known. */
async function meet(port: number, account: TestAccount): Promise<void> {
  const client = await greetedClient(port);
  expect(await client.say(`MAIL FROM:<${account.account.name}>`)).toMatch(/^250 /);
  await client.say('QUIT');
}

describe('the offer', () => {
  it('is what every server has, before the upstream was seen', async () => {
    const { relay } = await oneAccount({ extensions: ['SIZE 1000', '8BITMIME', 'SMTPUTF8', 'DSN', auth] });
    expect(await offered(relay.port)).toEqual(['SIZE', '8BITMIME']);
  });

  it("is the upstream's own after that, as far as the relay can keep it", async () => {
    const extensions = [
      'SIZE 1000',
      '8BITMIME',
      'SMTPUTF8',
      'DSN',
      'CHUNKING',
      'BINARYMIME',
      'STARTTLS',
      auth,
    ];
    const { accounts } = await upstreamsWith(extensions);
    const relay = await relayWith(accounts);
    await meet(relay.port, accounts[0]!);
    expect(await offered(relay.port)).toEqual(['SIZE 1000', '8BITMIME', 'SMTPUTF8', 'DSN']);
  });

  it('shrinks to what an upstream has that has less than all others', async () => {
    const { accounts } = await upstreamsWith(['PIPELINING']);
    const relay = await relayWith(accounts);
    await meet(relay.port, accounts[0]!);
    expect(await offered(relay.port)).toEqual(['SIZE']);
  });

  it('has only what all upstreams have, once all were seen', async () => {
    const { accounts } = await upstreamsWith(
      ['SIZE 35882577', '8BITMIME', 'SMTPUTF8'],
      ['SIZE 10485760', '8BITMIME', 'SMTPUTF8', 'DSN'],
    );
    const relay = await relayWith(accounts);
    await meet(relay.port, accounts[1]!);
    expect(await offered(relay.port)).toEqual(['SIZE', '8BITMIME']);
    await meet(relay.port, accounts[0]!);
    expect(await offered(relay.port)).toEqual(['SIZE 10485760', '8BITMIME', 'SMTPUTF8']);
  });

  it.each([
    [['SIZE 35000000'], ['SIZE 10000000'], 'SIZE 10000000'],
    [['SIZE 35000000'], ['SIZE'], 'SIZE'],
    [['SIZE 35000000'], [], 'SIZE'],
    [['SIZE 35000000'], ['SIZE 0'], 'SIZE 35000000'],
    [['SIZE 0'], ['SIZE 0'], 'SIZE'],
  ])('of %j and %j is %s', async (one, other, expected) => {
    const { accounts } = await upstreamsWith(one, other);
    const relay = await relayWith(accounts);
    for (const account of accounts) await meet(relay.port, account);
    expect((await offered(relay.port))[0]).toBe(expected);
  });

  it('names our own limit at once, and the upstreams when theirs is smaller', async () => {
    const { accounts } = await upstreamsWith(['SIZE 1000']);
    const relay = await relayWith(accounts, { limits: { ...defaultLimits, messageOctets: 2000 } });
    expect((await offered(relay.port))[0]).toBe('SIZE 2000');
    await meet(relay.port, accounts[0]!);
    expect((await offered(relay.port))[0]).toBe('SIZE 1000');
  });

  it('follows the accounts and what their upstreams said last', async () => {
    const full = ['SIZE 5000', '8BITMIME', 'SMTPUTF8', 'DSN'];
    const { accounts, upstreams } = await upstreamsWith(full, full);
    const [first, second] = accounts as [TestAccount, TestAccount];
    const present: TestAccount[] = [first];
    const relay = await relayWith(present);
    await meet(relay.port, first);
    expect(await offered(relay.port)).toEqual(full);
    present.push(second);
    expect(await offered(relay.port)).toEqual(['SIZE', '8BITMIME']);
    await meet(relay.port, second);
    expect(await offered(relay.port)).toEqual(full);
    upstreams[1]!.script = (event) =>
      event.startsWith('EHLO') ? `250-x\r\n250-${esc}\r\n250 ${auth}\r\n` : undefined;
    upstreams[1]!.reset();
    await expect.poll(() => upstreams[1]!.open).toBe(0);
    await meet(relay.port, second);
    expect(await offered(relay.port)).toEqual(['SIZE']);
    present.pop();
    expect(await offered(relay.port)).toEqual(full);
  });

  it('has no enhanced codes once an upstream was seen that gives none', async () => {
    const upstream = await upstreamWith({ extensions: ['8BITMIME', auth] });
    const account = testAccount('a@example.org', upstream.port);
    const relay = await relayWith([account]);
    await offered(relay.port);
    await meet(relay.port, account);
    const client = await TestClient.connect(relay.port);
    await client.reply();
    expect((await client.say('EHLO client.example')).split('\r\n').slice(1)).toEqual([
      '250-PIPELINING',
      '250-SIZE',
      '250 8BITMIME',
    ]);
  });

  it('does not mind accounts that cannot be used', async () => {
    const { accounts } = await upstreamsWith(['SMTPUTF8']);
    const problem = new AppError('token-missing', 'gone');
    const broken = { name: 'b@example.org', tokenFile: '/nowhere/b', senders: [], problem };
    const relay = await relayWith([...accounts, broken]);
    await meet(relay.port, accounts[0]!);
    expect(await offered(relay.port)).toEqual(['SIZE', 'SMTPUTF8']);
  });

  it('of a provider that is known begins with what it documents, and promises no DSN and no size', () => {
    const servers = (...providers: Provider[]) => ({ upstreams: providers.map(({ smtp }) => smtp!) });
    const lines = (...providers: Provider[]) =>
      new Offers(servers(...providers), new ExtensionMemory(), Infinity).current().lines.slice(1, -1);
    expect(lines(gmail, outlook)).toEqual(['SIZE', '8BITMIME', 'SMTPUTF8']);
    expect(lines(gmail, hve)).toEqual(['SIZE', '8BITMIME']);
    expect(lines()).toEqual(['SIZE', '8BITMIME']);
  });

  it('is made once, however many accounts and clients there are, until something changes', () => {
    const servers = Array.from({ length: 10_000 }, (_, index) => ({ host: `s${index}.example`, port: 587 }));
    let looks = 0;
    const memory = new ExtensionMemory();
    const upstreams = new Proxy(servers, {
      get: (target, key, receiver) => {
        looks++;
        return Reflect.get(target, key, receiver) as unknown;
      },
    });
    const offers = new Offers({ upstreams: upstreams as never }, memory, Infinity);
    const first = offers.current();
    const before = looks;
    for (let count = 0; count < 1000; count++) expect(offers.current()).toBe(first);
    memory.learn(servers[0]!, new Map([['8BITMIME', []]]));
    const second = offers.current();
    expect(second).not.toBe(first);
    const after = looks;
    // Said again at each sign-in, in other words perhaps, it changes nothing.
    memory.learn(
      { host: 'S0.EXAMPLE', port: 587 },
      new Map([
        ['8BITMIME', []],
        ['HELP', []],
      ]),
    );
    expect(offers.current()).toBe(second);
    expect([before > 0, looks]).toEqual([true, after]);
  });
});

describe('mail with 8-bit text', () => {
  it('is deferred where it was offered before the upstream was seen, and refused when it is offered no more', async () => {
    const { relay } = await oneAccount({ extensions: [esc, auth] });
    const client = await greetedClient(relay.port);
    const line = 'MAIL FROM:<a@example.org> BODY=8BITMIME';
    expect(await client.say(line)).toBe('451 4.5.4 BODY=8BITMIME is not offered any more: say EHLO again');
    expect(await client.say('EHLO again')).not.toContain('8BITMIME');
    expect(await client.say(line)).toBe('554 5.6.3 The upstream server does not take 8-bit messages');
  });
});

describe('parameters of DSN', () => {
  const withDsn = ['PIPELINING', '8BITMIME', 'DSN', 'SMTPUTF8', auth];
  const envelopeWithDsn =
    'MAIL FROM:<a@example.org> RET=HDRS ENVID=QQ+2B314+3D159 SMTPUTF8\r\n' +
    'RCPT TO:<"a b@c"@xn--bcher-kva.example> NOTIFY=SUCCESS,delay ORCPT=rfc822;a+20b+40c@example.net\r\n' +
    'DATA\r\n';

  it('pass as they came where the upstream has it, offered or not, in one write', async () => {
    const { upstream, relay } = await oneAccount({ extensions: withDsn });
    for (const _ of ['before it was seen', 'after']) {
      const client = await greetedClient(relay.port);
      client.send(envelopeWithDsn);
      expect((await replies(client, 3)).map((reply) => reply.slice(0, 3))).toEqual(['250', '250', '354']);
      client.send(message);
      expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    }
    expect(upstream.chunks.filter((chunk) => chunk === envelopeWithDsn)).toHaveLength(2);
  });

  it('are refused with 555 5.5.4 where the upstream lacks it, each where it stands', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    expect(await client.say('MAIL FROM:<a@example.org> RET=FULL')).toBe(
      '555 5.5.4 The MAIL parameter RET is not offered here',
    );
    client.send(`${mail}RCPT TO:<y@example.net> NOTIFY=NEVER\r\n${rcpt}DATA\r\n`);
    expect(await replies(client, 4)).toEqual([
      '250 2.1.0 Ok',
      '555 5.5.4 The RCPT parameter NOTIFY is not offered here',
      '250 2.1.5 Ok',
      '354 End data with <CR><LF>.<CR><LF>',
    ]);
    client.send(message);
    expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages.map(({ recipients }) => recipients)).toEqual([[rcpt.trim()]]);
  });

  it('are deferred when DSN was offered, and an account of another upstream came later', async () => {
    const { accounts } = await upstreamsWith(withDsn, []);
    const [first, second] = accounts as [TestAccount, TestAccount];
    const present: TestAccount[] = [first];
    const relay = await relayWith(present);
    await meet(relay.port, first);
    const client = await greetedClient(relay.port);
    present.push(second);
    const line = 'MAIL FROM:<a2@example.org> ENVID=1';
    expect(await client.say(line)).toBe('451 4.5.4 ENVID is not offered any more: say EHLO again');
    await client.say('EHLO again');
    expect(await client.say(line)).toMatch(/^555 5\.5\.4 /);
  });

  it('that no extension knows are refused without asking anybody', async () => {
    const { upstream, relay } = await oneAccount({ extensions: withDsn });
    const client = await greetedClient(relay.port);
    for (const parameter of ['NOTIFY=NEVER', 'BY=120;R', 'BODY=BINARYMIME', 'HOLDFOR=5'])
      expect(await client.say(`MAIL FROM:<a@example.org> ${parameter}`)).toMatch(/^555 5\.5\.4 /);
    expect(upstream.connections).toBe(0);
  });
});
