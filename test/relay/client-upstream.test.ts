/** A port whose clients send with their own tokens: what the upstream server says of them is the last word. */
import { describe, expect, it } from 'vitest';
import { type ListenerAuthSettings, plainListener } from '../../src/config/listener.js';
import {
  greetedClient,
  type RelayUnderTest,
  testAccount,
  type TestClient,
} from '../support/relay-under-test.js';
import type { ScriptedUpstream } from '../support/scripted-upstream.js';
import { relayWith, submit, upstreamWith } from './scene.js';

const alice = 'a@example.org';
const succeeded = '235 2.7.0 Authentication succeeded';

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function xoauth2(token: string, user = alice): string {
  return base64(`user=${user}\x01auth=Bearer ${token}\x01\x01`);
}

async function scene(): Promise<{ upstream: ScriptedUpstream; relay: RelayUnderTest }> {
  const upstream = await upstreamWith();
  const auth: ListenerAuthSettings = {
    required: false,
    accountBy: 'sender',
    loginSenders: new Map(),
    upstreamToken: 'client',
  };
  const listen = [
    { ...plainListener({ host: '127.0.0.1', port: 0 }), auth },
    plainListener({ host: '127.0.0.1', port: 0 }),
  ];
  const relay = await relayWith([testAccount(alice, upstream.port)], { listen });
  return { upstream, relay };
}

async function signedIn(relay: RelayUnderTest, token: string): Promise<TestClient> {
  const client = await greetedClient(relay.port);
  expect(await client.say(`AUTH XOAUTH2 ${xoauth2(token)}`)).toBe(succeeded);
  return client;
}

/** The tokens that the server was shown. */
function tokensSeen({ lines }: ScriptedUpstream): string[] {
  return lines.flatMap((line) => {
    const [, response] = /AUTH XOAUTH2 (\S+)/.exec(line) ?? [];
    const token = /Bearer ([^\x01]*)/.exec(Buffer.from(response ?? '', 'base64').toString())?.[1];
    return token === undefined ? [] : [token];
  });
}

describe('a client that sends with its own token', () => {
  it('is let in when the server has taken the token, and its messages go through that session', async () => {
    const { relay, upstream } = await scene();
    const client = await greetedClient(relay.port);
    expect(await client.say('EHLO c')).toMatch(/^250[ -]AUTH XOAUTH2 OAUTHBEARER$/m);
    expect(upstream.connections).toBe(0);
    expect(await client.say(`AUTH XOAUTH2 ${xoauth2('own-token')}`)).toBe(succeeded);
    expect(tokensSeen(upstream)).toEqual(['own-token']);
    for (let count = 0; count < 2; count++)
      expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages.map(({ user }) => user)).toEqual([alice, alice]);
    expect([upstream.connections, tokensSeen(upstream)]).toEqual([1, ['own-token']]);
    expect(JSON.stringify(relay.log)).not.toMatch(/own-token|token-of/);
  });

  it("has a session that no other client gets, nor one of the pool's", async () => {
    const { relay, upstream } = await scene();
    const pooled = await greetedClient(relay.addresses[1]!.port);
    await submit(pooled);
    const first = await signedIn(relay, 'first');
    await submit(first);
    await first.say('QUIT');
    const second = await signedIn(relay, 'second');
    await submit(second);
    await submit(pooled);
    expect(tokensSeen(upstream)).toEqual([`token-of-${alice}`, 'first', 'second']);
    expect(upstream.connections).toBe(3);
  });

  it('is refused by the words of the server, and no stored token is tried', async () => {
    const { relay, upstream } = await scene();
    upstream.acceptedTokens = new Set([`token-of-${alice}`]);
    const client = await greetedClient(relay.port);
    const challenge = await client.say(`AUTH XOAUTH2 ${xoauth2('bad')}`);
    expect(Buffer.from(challenge.slice(4), 'base64').toString()).toBe('{"status":"401","schemes":"Bearer"}');
    expect(await client.say('')).toBe('535 5.7.8 Authentication credentials invalid');
    expect(tokensSeen(upstream)).toEqual(['bad']);
  });

  it('sends nothing before AUTH, though the port does not demand it elsewhere', async () => {
    const { relay, upstream } = await scene();
    const client = await greetedClient(relay.port);
    expect(await client.say(`MAIL FROM:<${alice}>`)).toBe('530 5.7.0 Authentication required');
    expect(upstream.connections).toBe(0);
  });

  it('is refused by a challenge that says so, whatever the last word is', async () => {
    const { relay, upstream } = await scene();
    const challenge = base64('{"status":"401"}');
    upstream.script = (event) =>
      event.startsWith('AUTH') ? `334 ${challenge}\r\n` : event === '' ? '454 4.7.0 later\r\n' : undefined;
    const client = await greetedClient(relay.port);
    expect(await client.say(`AUTH XOAUTH2 ${xoauth2('bad')}`)).toBe(`334 ${challenge}`);
    expect(await client.say('')).toMatch(/^535 5\.7\.8 /);
  });

  it('is put off while the server cannot be asked', async () => {
    const { relay, upstream } = await scene();
    await upstream.close();
    const client = await greetedClient(relay.port);
    expect(await client.say(`AUTH XOAUTH2 ${xoauth2('own')}`)).toMatch(/^454 4\.7\.0 /);
  });

  it.each([
    ['tokens that the server puts off', alice],
    ['names', 'nobody@example.org'],
  ])('does not try any number of %s', async (_, user) => {
    const { relay, upstream } = await scene();
    upstream.script = (event) => (event.startsWith('AUTH') ? '454 4.7.0 Too many logins\r\n' : undefined);
    const client = await greetedClient(relay.port);
    const tries = Array.from({ length: 11 }, (__, index) => `AUTH XOAUTH2 ${xoauth2(`bad${index}`, user)}`);
    const answers = [];
    for (const line of tries) answers.push(await client.say(line));
    const limited = answers.map((reply) => reply.startsWith('454 4.7.0 too many failed sign-ins'));
    expect(limited).toEqual([...Array<boolean>(10).fill(false), true]);
  });

  it('must have an account, which says where the server is', async () => {
    const { relay } = await scene();
    const client = await greetedClient(relay.port);
    expect(await client.say(`AUTH XOAUTH2 ${xoauth2('own', 'nobody@example.org')}`)).toMatch(/^454 4\.7\.0 /);
    expect(await client.say(`AUTH OAUTHBEARER ${base64('n,,\x01auth=Bearer own\x01\x01')}`)).toMatch(/^334 /);
  });

  it('is refused without a token, before anybody is asked', async () => {
    const { relay, upstream } = await scene();
    const client = await greetedClient(relay.port);
    const nothing = base64(`n,a=${alice},\x01auth=\x01\x01`);
    expect(await client.say(`AUTH OAUTHBEARER ${nothing}`)).toMatch(/^334 /);
    expect(upstream.connections).toBe(0);
  });

  it('leaves no session behind when it goes before the server has answered', async () => {
    const { relay, upstream } = await scene();
    let accept: (() => void) | undefined;
    upstream.script = (event) =>
      event.startsWith('AUTH')
        ? { act: ({ stream }) => (accept = () => stream.write('235 2.7.0 Accepted\r\n')) }
        : undefined;
    const client = await greetedClient(relay.port);
    client.send(`AUTH XOAUTH2 ${xoauth2('own')}\r\n`);
    await expect.poll(() => accept).toBeDefined();
    client.socket.resetAndDestroy();
    // By the time that another one is served, the relay has seen it go.
    await greetedClient(relay.port);
    accept!();
    await expect.poll(() => upstream.open).toBe(0);
  });

  it('sends on after its session was lost, with the same token', async () => {
    const { relay, upstream } = await scene();
    const client = await signedIn(relay, 'own');
    await submit(client);
    upstream.reset();
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(new Set(tokensSeen(upstream))).toEqual(new Set(['own']));
  });
});
