/** A session that has to be replaced leaves its place to the next one, however many wait and whatever the rate. */
import { describe, expect, it } from 'vitest';
import { type Pace, unknownProvider } from '../../src/providers/provider.js';
import { greetedClient, testAccount, type TestClient } from '../support/relay-under-test.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { mail, relayWith, submit, upstreamWith } from './scene.js';

const queued = '250 2.0.0 Ok: queued';

async function scene(pace: Partial<Pace>) {
  const clock = new VirtualClock();
  const upstream = await upstreamWith();
  const unlimited: Pace = { sessions: 1, messagesPerMinute: undefined, loginsPerMinute: undefined };
  const provider = { ...unknownProvider, pace: { ...unlimited, ...pace } };
  const account = testAccount('a@example.org', upstream.port, { provider });
  account.renewed = 'new';
  const relay = await relayWith([account], {}, clock);
  const client = await greetedClient(relay.port);
  const crowd = async (): Promise<TestClient[]> => {
    const clients = await Promise.all([1, 2, 3, 4].map(() => greetedClient(relay.port)));
    for (const one of clients) one.send(mail);
    await expect.poll(() => relay.waiting).toBe(4);
    return clients;
  };
  return { account, client, clock, crowd, relay, upstream };
}

describe('the place of a session that is replaced', () => {
  it('is not for those who wait, when it had died while it was idle', async () => {
    const { client, crowd, upstream } = await scene({});
    expect((await submit(client)).at(-1)).toBe(queued);
    let waiting: TestClient[] = [];
    upstream.script = (event, { number }) =>
      event.startsWith('MAIL') && number === 1
        ? { act: ({ tcp }) => void crowd().then((clients) => ((waiting = clients), tcp.resetAndDestroy())) }
        : undefined;
    expect((await submit(client)).at(-1)).toBe(queued);
    expect(upstream.connections).toBe(2);
    // It is theirs after that.
    expect(await waiting[0]!.reply()).toBe('250 2.1.0 Ok');
  });

  it('nor when its token is renewed in mid-session', async () => {
    const { account, client, crowd, upstream } = await scene({});
    let waiting: TestClient[] = [];
    upstream.script = (event, { number }) =>
      event === 'DATA' && number === 1
        ? {
            act: ({ tcp }) =>
              void crowd().then((clients) => ((waiting = clients), tcp.write('530 5.7.57 no\r\n'))),
          }
        : undefined;
    expect((await submit(client)).at(-1)).toBe(queued);
    expect([account.refused.length, upstream.connections]).toEqual([1, 2]);
    expect(await waiting[0]!.reply()).toBe('250 2.1.0 Ok');
  });

  it('counts as one message, so that the rate does not delay it', async () => {
    const { client, relay, upstream } = await scene({ messagesPerMinute: 2 });
    expect((await submit(client)).at(-1)).toBe(queued);
    upstream.script = (event, { number }) => (event.startsWith('MAIL') && number === 1 ? 'reset' : undefined);
    expect((await submit(client)).at(-1)).toBe(queued);
    client.send(mail);
    await expect.poll(() => relay.waiting).toBe(1);
  });

  it('is given up when no other session can be had', async () => {
    const { account, client, relay, upstream } = await scene({});
    delete account.renewed;
    upstream.script = (event) => (event.startsWith('MAIL') ? '530 5.7.57 no\r\n' : undefined);
    expect(await client.say(mail.trim())).toMatch(/^454 4\.7\.0 /);
    account.token = 'signed in again';
    upstream.script = () => undefined;
    expect((await submit(client)).at(-1)).toBe(queued);
    upstream.script = (event) => (event.startsWith('MAIL') || event.startsWith('AUTH') ? 'reset' : undefined);
    expect(await client.say(mail.trim())).toMatch(/^451 4\.4\.2 /);
    upstream.script = () => undefined;
    expect([(await submit(client)).at(-1), relay.waiting]).toEqual([queued, 0]);
  });

  it('is given up by a client that leaves meanwhile', async () => {
    const { account, client, relay, upstream } = await scene({});
    upstream.script = (event, { number }) => {
      if (event.startsWith('MAIL') && number === 1) return '530 5.7.57 no\r\n';
      return number === 2 && event === 'greeting'
        ? { act: ({ tcp }) => (client.end(), setTimeout(() => tcp.resetAndDestroy(), 50)) }
        : undefined;
    };
    client.send(mail);
    await expect.poll(() => [account.refused.length, upstream.connections]).toEqual([1, 2]);
    const next = await greetedClient(relay.port);
    expect((await submit(next)).at(-1)).toBe(queued);
  });
});
