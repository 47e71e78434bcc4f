/** Who may come in at a port of the relay, and which accounts are used there. */
import { describe, expect, it } from 'vitest';
import { type ListenerSettings, parseNetwork, plainListener } from '../../src/config/listener.js';
import { admission } from '../../src/relay/client-networks.js';
import { greetedClient, testAccount, TestClient } from '../support/relay-under-test.js';
import { relayWith, submit, upstreamWith } from './scene.js';

function networks(...texts: readonly string[]): ListenerSettings['clients'] {
  return texts.map((text) => {
    const parsed = parseNetwork(text);
    if ('problem' in parsed) throw new Error(parsed.problem);
    return parsed.value;
  });
}

function port(changes: Partial<ListenerSettings>): ListenerSettings {
  return { ...plainListener({ host: '127.0.0.1', port: 0 }), ...changes };
}

describe('the networks of a port', () => {
  const admits = admission(networks('192.0.2.0/24', '198.51.100.7', '2001:db8::/32', '::1'));

  it.each(['192.0.2.0', '192.0.2.255', '198.51.100.7', '::ffff:192.0.2.1', '2001:db8:ffff::1', '::1'])(
    'let %s in',
    (address) => expect(admits(address)).toBe(true),
  );
  it.each(['192.0.3.0', '198.51.100.8', '::ffff:192.0.3.1', '2001:db9::', '::2', '127.0.0.1', ''])(
    'keep %j out',
    (address) => expect(admits(address)).toBe(false),
  );
  it('let all in where there are none, and nobody where the list is empty', () => {
    expect([admission(undefined)('192.0.2.1'), admission([])('192.0.2.1')]).toEqual([true, false]);
  });

  it('turn a client away with a reply, and the log names it', async () => {
    const listen = [port({ clients: networks('192.0.2.0/24') }), port({ clients: networks('127.0.0.0/8') })];
    const relay = await relayWith([], { listen });
    const client = await TestClient.connect(relay.port);
    expect(await client.rest()).toEqual(['554 5.7.1 Your address may not connect here']);
    const other = await TestClient.connect(relay.addresses[1]!.port);
    expect(await other.reply()).toMatch(/^220 /);
    expect(relay.log).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: 'limit reached: 554 5.7.1 Your address may not connect here',
        fields: { session: client.session, peer: '127.0.0.1' },
      }),
    );
  });
});

describe('the accounts of a port', () => {
  it('are the only ones that it uses; another is answered as if there were none', async () => {
    const upstream = await upstreamWith();
    const accounts = ['a@example.org', 'b@example.org'].map((name) => testAccount(name, upstream.port));
    const relay = await relayWith(accounts, { listen: [port({ accounts: ['A@example.org'] }), port({})] });
    const client = await greetedClient(relay.port);
    const refusal = await client.say('MAIL FROM:<b@example.org>');
    const unknown = await client.say('MAIL FROM:<nobody@example.org>');
    expect(refusal).toBe(unknown.replace('nobody', 'b'));
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(relay.log).toContainEqual(
      expect.objectContaining({
        message: 'the account may not be used on this port',
        fields: expect.objectContaining({ account: 'b@example.org' }),
      }),
    );
    const free = await greetedClient(relay.addresses[1]!.port);
    expect(await free.say('MAIL FROM:<b@example.org>')).toMatch(/^250 /);
  });
});

describe('a port that demands AUTH', () => {
  it('takes no mail before it', async () => {
    const upstream = await upstreamWith();
    const relay = await relayWith([testAccount('a@example.org', upstream.port)], {
      listen: [
        port({
          auth: { required: true, accountBy: 'sender', loginSenders: new Map(), upstreamToken: 'stored' },
        }),
      ],
    });
    const client = await greetedClient(relay.port);
    expect((await submit(client)).slice(0, 3)).toEqual(Array(3).fill('530 5.7.0 Authentication required'));
    expect(upstream.messages).toEqual([]);
  });
});

it('a port that turns out to be reached by other machines is not opened, whatever its name promised', async () => {
  const listen = [plainListener({ host: '127.0.0.1', port: 0 }), plainListener({ host: '0.0.0.0', port: 0 })];
  await expect(relayWith([], { listen })).rejects.toMatchObject({
    code: 'config-invalid',
    message: expect.stringMatching(/^relay\.listen: 0\.0\.0\.0:0: other machines can reach 0\.0\.0\.0/),
  });
});
