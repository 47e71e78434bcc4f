/** Another configuration in place of the one in service: no connection is refused or cut, each ends as it began. */
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/config/limits.js';
import { plainListener } from '../../src/config/listener.js';
import type { Pace } from '../../src/providers/provider.js';
import { unknownProvider } from '../../src/providers/provider.js';
import { freePort, isListenedOn } from '../support/process.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { greetedClient, TestClient, testAccount } from '../support/relay-under-test.js';
import { envelope, mail, message, oneAccount, relayWith, replies, submit, upstreamWith } from './scene.js';

const at = (port: number) => plainListener({ host: '127.0.0.1', port });

describe('the relay, reconfigured', () => {
  it('ends a message through the account and server that it began with', async () => {
    const { relay, upstream } = await oneAccount();
    const other = await upstreamWith();
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    await relay.reconfigure([testAccount('a@example.org', other.port)]);
    client.send(message);
    expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    expect([upstream.messages.length, other.messages.length]).toEqual([1, 0]);
    // A connection that is held open goes on so.
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect([upstream.messages.length, other.messages.length]).toEqual([2, 0]);
    await submit(await greetedClient(relay.port));
    expect([upstream.messages.length, other.messages.length]).toEqual([2, 1]);
  });

  it('holds each connection to the limits and accounts that it began under', async () => {
    const { account, relay } = await oneAccount({}, { limits: { ...defaultLimits, messageOctets: 1000 } });
    const before = await greetedClient(relay.port);
    await relay.reconfigure([testAccount('b@example.org', 9)], {
      limits: { ...defaultLimits, messageOctets: 2000 },
    });
    const after = await greetedClient(relay.port);
    expect(await before.say('EHLO c')).toContain('SIZE 1000');
    expect(await after.say('EHLO c')).toContain('SIZE 2000');
    expect(await before.say(mail.trimEnd())).toBe('250 2.1.0 Ok');
    expect(await after.say(mail.trimEnd())).toMatch(/^45/);
    expect(account.refused).toEqual([]);
  });

  it('refuses nobody at a port that both have', async () => {
    const { account, relay } = await oneAccount();
    const greetings: string[] = [];
    const enough = new AbortController();
    const knocking = (async () => {
      while (!enough.signal.aborted) {
        const client = await TestClient.connect(relay.port);
        greetings.push(await client.reply());
        client.end();
      }
    })();
    for (let round = 0; round < 20; round++) {
      await relay.reconfigure([account]);
      const seen = greetings.length;
      await expect.poll(() => greetings.length > seen).toBe(true);
    }
    enough.abort();
    await knocking;
    expect(greetings.length).toBeGreaterThan(20);
    expect(greetings.filter((greeting) => !greeting.startsWith('220 '))).toEqual([]);
  });

  it('opens new ports, and closes old ones without cutting who came through them', async () => {
    const { account, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    const other = await freePort();
    const { drained } = await relay.reconfigure([account], { listen: [at(other)] });
    expect(relay.addresses).toEqual([{ host: '127.0.0.1', port: other }]);
    expect(await isListenedOn(relay.port)).toBe(false);
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect((await submit(await greetedClient(other))).at(-1)).toBe('250 2.0.0 Ok: queued');
    let isDrained = false;
    void drained.then(() => (isDrained = true));
    await client.say('NOOP');
    expect(isDrained).toBe(false);
    await client.say('QUIT');
    await drained;
  });

  it('changes nothing when one of the new ports cannot be had', async () => {
    const { account, relay, upstream } = await oneAccount();
    const { port: taken } = await relayWith([account]);
    const free = await freePort();
    const { addresses } = relay;
    const changed = relay.reconfigure([], { listen: [at(0), at(free), at(taken)] });
    await expect(changed).rejects.toMatchObject({ code: 'listen-failed' });
    expect(relay.addresses).toEqual(addresses);
    expect((await submit(await greetedClient(relay.port))).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages).toHaveLength(1);
    // What was opened in vain is free again.
    await relay.reconfigure([account], { listen: [at(free)] });
    expect(relay.addresses[0]?.port).toBe(free);
  });

  it('says that a wider address at a port of its own takes a restart', async () => {
    const { account, relay } = await oneAccount();
    const wide = plainListener({ host: '0.0.0.0', port: relay.port });
    await expect(
      relay.reconfigure([account], { listen: [{ ...wide, insecure: true }] }),
    ).rejects.toMatchObject({
      code: 'listen-failed',
      hint: expect.stringMatching(/^restart serve: .*127\.0\.0\.1/),
    });
    expect((await submit(await greetedClient(relay.port))).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it.each([
    ['the session', { sessions: 1 }],
    ['the message', { sessions: 20, messagesPerMinute: 1 }],
  ])(
    'gives an account %s that its provider allows once, whoever began under which',
    async (_what, limits) => {
      const clock = new VirtualClock();
      const upstream = await upstreamWith();
      const pace: Pace = { messagesPerMinute: undefined, loginsPerMinute: undefined, ...limits };
      const account = () =>
        testAccount('a@example.org', upstream.port, { provider: { ...unknownProvider, pace } });
      const relay = await relayWith([account()], {}, clock);
      const first = await greetedClient(relay.port);
      first.send(envelope);
      await replies(first, 3);
      await clock.advance(10_000);
      await relay.reconfigure([account()]);
      const second = await greetedClient(relay.port);
      second.send(mail);
      await expect.poll(() => relay.waiting).toBe(1);
      first.send(message);
      expect(await first.reply()).toBe('250 2.0.0 Ok: queued');
      await clock.advance(limits.sessions === 1 ? 0 : 50_000);
      expect(await second.reply()).toBe('250 2.1.0 Ok');
      expect(upstream.connections).toBe(2);
    },
  );

  it('counts the connections of all configurations together', async () => {
    const { account, relay } = await oneAccount();
    await greetedClient(relay.port);
    await relay.reconfigure([account], { limits: { ...defaultLimits, connections: 2 } });
    await greetedClient(relay.port);
    const third = await TestClient.connect(relay.port);
    expect(await third.reply()).toMatch(/^421 /);
  });
});
