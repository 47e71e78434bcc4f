/** Until when an upstream session is kept for the next message, where its token limits that. */
import { beforeEach, describe, expect, it } from 'vitest';
import { unknownProvider } from '../../src/providers/provider.js';
import { greetedClient, testAccount } from '../support/relay-under-test.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { envelope, mail, message, oneAccount, relayWith, replies, submit, upstreamWith } from './scene.js';

/** What test accounts' tokens live, less the margin: some servers cut a session when its token ends. */
const reusableMs = 3_600_000 - 30_000;

describe('a kept session', () => {
  let clock: VirtualClock;
  beforeEach(() => (clock = new VirtualClock()));

  const set = async () => {
    const { upstream, relay } = await oneAccount({}, {}, clock);
    const client = await greetedClient(relay.port);
    const hasLeft = () => upstream.lines.includes('[1] QUIT');
    return { upstream, client, hasLeft };
  };

  it('takes a message until 30 s before the end of its token, and none after that', async () => {
    const { upstream, client, hasLeft } = await set();
    await submit(client);
    clock.leap(reusableMs - 1);
    await submit(client);
    expect([upstream.connections, hasLeft()]).toEqual([1, false]);
    clock.leap(1);
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.connections).toBe(2);
    await expect.poll(hasLeft).toBe(true);
  });

  it('leaves by itself at that time', async () => {
    const { upstream, client, hasLeft } = await set();
    for (let sentMs = 0; sentMs < reusableMs - 20_000; sentMs += 50_000) {
      await submit(client);
      await clock.advance(50_000);
    }
    await submit(client);
    await clock.advance(18_000);
    expect([upstream.connections, hasLeft()]).toEqual([1, false]);
    await clock.advance(4_000);
    await expect.poll(hasLeft).toBe(true);
  });

  it('is not kept when a message ends so late, though that message is sent', async () => {
    const { upstream, client, hasLeft } = await set();
    client.send(envelope);
    await replies(client, 3);
    clock.leap(reusableMs);
    client.send(message);
    expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    await expect.poll(hasLeft).toBe(true);
    expect(upstream.messages).toHaveLength(1);
  });

  it('that is too old and leaves makes no room for a second message where one at a time may go', async () => {
    const upstream = await upstreamWith();
    const pace = { sessions: 1, messagesPerMinute: undefined, loginsPerMinute: undefined };
    const account = testAccount('a@example.org', upstream.port, { provider: { ...unknownProvider, pace } });
    const relay = await relayWith([account], {}, clock);
    const [first, second] = [await greetedClient(relay.port), await greetedClient(relay.port)];
    await submit(first);
    clock.leap(reusableMs);
    first.send(envelope);
    await replies(first, 3);
    second.send(mail);
    await expect.poll(() => relay.waiting).toBe(1);
    first.send(message);
    expect(await second.reply()).toBe('250 2.1.0 Ok');
  });
});
