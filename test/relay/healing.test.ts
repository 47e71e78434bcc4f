/** A token that the upstream refuses: renewed once, tried once on a fresh connection, within the client's session. */
import { afterEach, describe, expect, it } from 'vitest';
import { endClients, greetedClient, startTestRelay, testAccount } from '../support/relay-under-test.js';
import { type Script, type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { closeRelay } from './scene.js';
import { outlook } from '../../src/providers/index.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  endClients();
  for (const close of closers.splice(0).toReversed()) await close();
});

async function setUp(options: { renewed?: string; provider?: typeof outlook; clock?: VirtualClock } = {}) {
  const upstream = await startScriptedUpstream();
  closers.push(() => upstream.close());
  const changes = options.provider === undefined ? {} : { provider: options.provider };
  const account = testAccount('a@example.org', upstream.port, changes);
  account.token = 'old';
  if (options.renewed !== undefined) account.renewed = options.renewed;
  const accounts = [account, testAccount('b@example.org', upstream.port)];
  const relay = await startTestRelay(accounts, {}, options.clock);
  closers.push(() => closeRelay(relay, options.clock));
  return { upstream, account, relay, client: await greetedClient(relay.port) };
}

const envelope =
  'MAIL FROM:<a@example.org>\r\nRCPT TO:<x@example.net>\r\nRCPT TO:<y@example.net>\r\nDATA\r\n';

async function submit(client: Awaited<ReturnType<typeof greetedClient>>): Promise<string[]> {
  client.send(envelope);
  const replies = [await client.reply(), await client.reply(), await client.reply(), await client.reply()];
  client.send('text\r\n.\r\n');
  return [...replies, await client.reply()];
}

const sent = [
  '250 2.1.0 Ok',
  '250 2.1.5 Ok',
  '250 2.1.5 Ok',
  expect.stringMatching(/^354 /),
  '250 2.0.0 Ok: queued',
];

function lines(upstream: ScriptedUpstream, connection: number): string[] {
  const mark = `[${connection}] `;
  return upstream.lines
    .filter((line) => line.startsWith(mark))
    .map((line) => line.slice(mark.length).split(' ')[0]!);
}

describe('a token that is refused at AUTH', () => {
  it.each([
    ['a challenge and 535', undefined],
    ['a bare 535', '535 5.7.3 Authentication unsuccessful'],
    ['530', '530 5.7.57 Client not authenticated'],
    ['501 5.5.127', '501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon error'],
  ])('by %s is renewed, and the client sees a pause', async (_, reply) => {
    const { upstream, account, client } = await setUp({ renewed: 'new' });
    if (reply === undefined) upstream.acceptedTokens = new Set(['new']);
    else
      upstream.script = (event, { number }) =>
        event.startsWith('AUTH') && number === 1 ? `${reply}\r\n` : undefined;
    expect(await submit(client)).toEqual(sent);
    expect(account.refused).toEqual(['old']);
    expect(upstream.connections).toBe(2);
  });

  it('twice is told to the client, and nobody asks again for a while', async () => {
    const { upstream, account, relay, client } = await setUp({ renewed: 'new' });
    upstream.script = (event, { number }) =>
      event.startsWith('AUTH') && number <= 2 ? '535 5.7.3 Authentication unsuccessful\r\n' : undefined;
    const refusal = /^454 4\.7\.0 a@example\.org: .*535 5\.7\.3 Authentication unsuccessful/;
    expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(refusal);
    expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(refusal);
    expect([upstream.connections, account.refused]).toEqual([2, ['old']]);
    expect(relay.log.filter(({ message }) => message === 'the upstream refuses the account')).toHaveLength(1);
    expect(await client.say('MAIL FROM:<b@example.org>')).toBe('250 2.1.0 Ok');
    await client.say('RSET');
    // A new sign-in ends the wait.
    account.token = 'signed in again';
    expect(await submit(client)).toEqual(sent);
  });

  /** Sessions are challenged with this status, and then see this instead of the last word. */
  function challengedBy(status: string, last: string): Script {
    return (event) => {
      if (event.startsWith('AUTH')) return `334 ${btoa(JSON.stringify({ status }))}\r\n`;
      return event === '' ? last : undefined;
    };
  }

  it.each([
    ['401', '454 4.7.0 later\r\n', ['old'], 2],
    ['401', 'close', ['old'], 2],
    ['503', 'close', [], 2],
  ])(
    'by a challenge of status %s and then %j counts as that, before and after',
    async (status, last, refused, connections) => {
      const { upstream, account, client } = await setUp({ renewed: 'new' });
      upstream.script = challengedBy(status, last);
      const told = [];
      for (let count = 0; count < 2; count++) told.push(await client.say('MAIL FROM:<a@example.org>'));
      expect(told.map((reply) => reply.slice(0, 9))).toEqual(
        status === '401' ? ['454 4.7.0', '454 4.7.0'] : ['451 4.4.2', '451 4.4.2'],
      );
      expect([account.refused, upstream.connections]).toEqual([refused, connections]);
    },
  );

  it('is left alone for half a minute again, when it had sent mail since', async () => {
    const clock = new VirtualClock();
    const { upstream, client } = await setUp({ clock });
    const refuses = (event: string) => (event.startsWith('AUTH') ? '535 5.7.8 no\r\n' : undefined);
    const refusedFor = async () => {
      upstream.script = refuses;
      upstream.reset();
      await expect.poll(() => upstream.open).toBe(0);
      expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(/^454 /);
      upstream.script = () => undefined;
      for (let seconds = 0; ; seconds += 10, await clock.advance(10_000)) {
        if ((await client.say('MAIL FROM:<a@example.org>')).startsWith('454 ')) continue;
        await client.say('RSET');
        return seconds;
      }
    };
    expect(await refusedFor()).toBe(30);
    expect(await submit(client)).toEqual(sent);
    expect(await refusedFor()).toBe(30);
  });

  it('by a challenge alone, before the connection is closed, is renewed, too', async () => {
    const { upstream, account, client } = await setUp({ renewed: 'new' });
    upstream.script = (event, { number }) => {
      if (number > 1) return undefined;
      return event.startsWith('AUTH')
        ? `334 ${btoa('{"status":"401"}')}\r\n`
        : event === ''
          ? 'close'
          : undefined;
    };
    expect(await submit(client)).toEqual(sent);
    expect(account.refused).toEqual(['old']);
  });

  it('is not renewed for what a token cannot mend', async () => {
    const { upstream, account, client } = await setUp({ renewed: 'new', provider: outlook });
    upstream.script = (event) =>
      event.startsWith('AUTH')
        ? '535 5.7.139 SmtpClientAuthentication is disabled for the Tenant\r\n'
        : undefined;
    expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(/^454 4\.7\.0 .*5\.7\.139/);
    expect([upstream.connections, account.refused]).toEqual([1, []]);
  });

  it('by 454 is not to blame: nothing is renewed, and the next message tries again', async () => {
    const { upstream, account, client } = await setUp({ renewed: 'new' });
    upstream.script = (event, { number }) =>
      event.startsWith('AUTH') && number === 1 ? '454 4.7.0 cannot check now\r\n' : undefined;
    expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(/^454 4\.7\.0 /);
    expect(account.refused).toEqual([]);
    expect(await submit(client)).toEqual(sent);
  });

  it('is renewed once for all who wait', async () => {
    const { upstream, account, relay } = await setUp({ renewed: 'new' });
    upstream.acceptedTokens = new Set(['new']);
    const clients = await Promise.all([1, 2, 3].map(() => greetedClient(relay.port)));
    const answers = await Promise.all(clients.map((one) => one.say('MAIL FROM:<a@example.org>')));
    expect(answers).toEqual(['250 2.1.0 Ok', '250 2.1.0 Ok', '250 2.1.0 Ok']);
    expect(new Set(account.refused)).toEqual(new Set(['old']));
  });
});

describe('a token that is refused in mid-session', () => {
  it.each(['MAIL', 'RCPT TO:<x', 'RCPT TO:<y', 'DATA'])(
    'at %s is renewed, and all is said again',
    async (stage) => {
      const { upstream, client } = await setUp({ renewed: 'new' });
      upstream.script = (event, { number }) =>
        event.startsWith(stage) && number === 1 ? '530 5.7.57 Client not authenticated\r\n' : undefined;
      expect(await submit(client)).toEqual(sent);
      expect(lines(upstream, 2)).toEqual(['EHLO', 'AUTH', 'MAIL', 'RCPT', 'RCPT', 'DATA']);
      expect(upstream.messages).toHaveLength(1);
      expect(upstream.messages[0]!.recipients).toEqual([
        'RCPT TO:<x@example.net>',
        'RCPT TO:<y@example.net>',
      ]);
    },
  );

  it('one by one, too, and a recipient that was refused before is not asked for again', async () => {
    const { upstream, client } = await setUp({ renewed: 'new' });
    upstream.script = (event, { number }) => {
      if (event.startsWith('RCPT TO:<x')) return '550 5.1.1 no such user\r\n';
      return event.startsWith('DATA') && number === 1 ? '535 5.7.3 no\r\n' : undefined;
    };
    for (const line of envelope.split('\r\n').slice(0, 3)) await client.say(line);
    expect(await client.say('DATA')).toMatch(/^354 /);
    client.send('.\r\n');
    expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages[0]!.recipients).toEqual(['RCPT TO:<y@example.net>']);
  });

  it.each([
    ['530 5.7.57 Client not authenticated', '530 5\\.7\\.57'],
    ['501 5.5.127 Token will expire soon', '501 5\\.5\\.127'],
  ])(
    'twice by %j is 454, the client stays connected, and nobody asks again for a while',
    async (reply, words) => {
      const { upstream, account, relay, client } = await setUp({ renewed: 'new' });
      upstream.script = (event, { user }) =>
        event.startsWith('RCPT') && user === 'a@example.org' ? `${reply}\r\n` : undefined;
      const refusal = new RegExp(`^454 4\\.7\\.0 .*${words}`);
      expect(await client.say('MAIL FROM:<a@example.org>')).toBe('250 2.1.0 Ok');
      expect(await client.say('RCPT TO:<x@example.net>')).toMatch(refusal);
      await client.say('RSET');
      expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(refusal);
      expect([upstream.connections, account.refused]).toEqual([2, ['old']]);
      const marks = relay.log.filter(({ message }) => message === 'the upstream refuses the account');
      expect(marks.map(({ fields }) => fields.account)).toEqual(['a@example.org']);
      expect(await client.say('MAIL FROM:<b@example.org>')).toBe('250 2.1.0 Ok');
    },
  );

  it('and then where all is said again, is 454 with the words of the server', async () => {
    const { upstream, client } = await setUp({ renewed: 'new' });
    upstream.script = (event, { number }) =>
      event.startsWith(number === 1 ? 'RCPT' : 'MAIL')
        ? '530 5.7.57 Client not authenticated\r\n'
        : undefined;
    expect(await client.say('MAIL FROM:<a@example.org>')).toBe('250 2.1.0 Ok');
    expect(await client.say('RCPT TO:<x@example.net>')).toMatch(/^454 4\.7\.0 .*530 5\.7\.57/);
    expect(await client.say('DATA')).toMatch(/^454 4\.7\.0 /);
  });

  it('is not renewed for what a token cannot mend', async () => {
    const { upstream, account, client } = await setUp({ renewed: 'new', provider: outlook });
    upstream.script = (event) =>
      event.startsWith('MAIL')
        ? '535 5.7.139 SmtpClientAuthentication is disabled for the Mailbox\r\n'
        : undefined;
    expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(/^454 4\.7\.0 .*5\.7\.139/);
    expect([upstream.connections, account.refused]).toEqual([1, []]);
  });

  it.each([
    ['550 5.1.1 no such user', /^451 4\.4\.0 .*takes no mail now \(550 5\.1\.1 no such user\)/],
    ['450 4.2.1 too fast', /^451 4\.4\.0 .*takes no mail now \(450 4\.2\.1 too fast\)/],
    ['421 4.3.2 closing', /^451 4\.4\.0 .*takes no mail now \(421 4\.3\.2 closing\)/],
    ['354 what', /^451 4\.4\.0 .*broke the protocol/],
  ])(
    'is deferred when the other session says %j to what the client was told is accepted',
    async (reply, told) => {
      const { upstream, client } = await setUp({ renewed: 'new' });
      upstream.script = (event, { number }) => {
        if (number === 1 && event.startsWith('RCPT TO:<y')) return '530 5.7.57 Client not authenticated\r\n';
        return number === 2 && event.startsWith('RCPT TO:<x') ? `${reply}\r\n` : undefined;
      };
      await client.say('MAIL FROM:<a@example.org>');
      expect(await client.say('RCPT TO:<x@example.net>')).toBe('250 2.1.5 Ok');
      expect(await client.say('RCPT TO:<y@example.net>')).toMatch(told);
      expect(await client.say('DATA')).toMatch(/^451 /);
      expect(upstream.messages).toEqual([]);
    },
  );

  it('after the message was sent is 454: only the client may send it again', async () => {
    const { upstream, account, client } = await setUp({ renewed: 'new' });
    upstream.script = (event) => (event === 'end' ? '530 5.7.57 Client not authenticated\r\n' : undefined);
    expect((await submit(client)).at(-1)).toMatch(/^454 4\.7\.0 /);
    expect([upstream.connections, account.refused]).toEqual([1, []]);
  });
});

describe('an account with a limit', () => {
  const three = { ...outlook, pace: { ...outlook.pace, sessions: 3 } };

  it('never has more sessions, lets four wait, sends the next away, and leaves others alone', async () => {
    const { upstream, relay } = await setUp({ provider: three });
    const clients = await Promise.all(Array.from({ length: 8 }, () => greetedClient(relay.port)));
    for (const one of clients.slice(0, 3))
      expect(await one.say('MAIL FROM:<a@example.org>')).toBe('250 2.1.0 Ok');
    const waiting = clients.slice(3, 7).map((one) => one.say('MAIL FROM:<a@example.org>'));
    await expect
      .poll(async () => clients[7]!.say('MAIL FROM:<a@example.org>'))
      .toMatch(/^450 4\.3\.2 a@example\.org: /);
    expect(await clients[7]!.say('MAIL FROM:<b@example.org>')).toBe('250 2.1.0 Ok');
    expect(upstream.connections).toBe(4);
    for (const one of clients.slice(0, 3)) expect(await one.say('RSET')).toBe('250 2.0.0 Ok');
    expect(await Promise.all(waiting.slice(0, 3))).toEqual(['250 2.1.0 Ok', '250 2.1.0 Ok', '250 2.1.0 Ok']);
    clients[3]!.end();
    expect(await waiting[3]).toBe('250 2.1.0 Ok');
    expect(upstream.connections).toBe(4);
  });
});
