/** AUTH at the relay's own ports, and what a client may do that has signed in. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type ListenerAuthSettings,
  type ListenerSettings,
  plainListener,
} from '../../src/config/listener.js';
import { parseConfig } from '../../src/config/parse.js';
import { createCertificateAuthority } from '../support/certificates.js';
import { writePasswords } from '../support/passwords.js';
import { temporaryDirectory } from '../support/process.js';
import { greetedClient, type RelayUnderTest, testAccount, TestClient } from '../support/relay-under-test.js';
import { type ScriptedUpstream } from '../support/scripted-upstream.js';
import { startTokenEndpoint } from '../support/token-endpoint.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { afterwards, relayWith, replies, submit, upstreamWith } from './scene.js';

const alice = 'a@example.org';
const bob = 'b@example.org';
const marker = 'marker-geheim';
const succeeded = '235 2.7.0 Authentication succeeded';
const refused = '535 5.7.8 Authentication credentials invalid';
const denied = (sender: string) => `550 5.7.1 This login may not send for <${sender}>`;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let file: string;
let upstream: ScriptedUpstream;

beforeAll(async () => {
  directory = await temporaryDirectory();
  file = join(directory.path, 'passwd');
});
afterAll(() => directory.remove());
beforeEach(async () => {
  upstream = await upstreamWith();
  await writePasswords(file, [
    { user: alice, password: marker },
    { user: 'scanner', password: marker, senders: ['@example.org'] },
    { user: 'limited', password: marker, senders: [alice], accounts: [bob] },
  ]);
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function plain(user: string, password: string): string {
  return base64(`\0${user}\0${password}`);
}

const good = plain(alice, marker);

interface Wishes extends Partial<ListenerAuthSettings> {
  readonly port?: Partial<ListenerSettings>;
}

function listenerOf({ port, ...auth }: Wishes = {}): ListenerSettings {
  const settings = {
    required: true,
    passwordsFile: file,
    accountBy: 'sender',
    loginSenders: new Map<string, readonly string[]>(),
    upstreamToken: 'stored',
    ...auth,
  } as const;
  return { ...plainListener({ host: '127.0.0.1', port: 0 }), auth: settings, ...port };
}

/** With the accounts of Alice and Bob. */
function relayOf(wishes?: Wishes): Promise<RelayUnderTest> {
  const accounts = [alice, bob].map((name) => testAccount(name, upstream.port));
  return relayWith(accounts, { listen: [listenerOf(wishes)] });
}

async function clientOf(wishes?: Wishes): Promise<TestClient> {
  return greetedClient((await relayOf(wishes)).port);
}

describe('AUTH', () => {
  it('is offered, and opens the way for mail', async () => {
    const client = await clientOf();
    expect(await client.say('EHLO c')).toMatch(/^250[ -]AUTH PLAIN LOGIN$/m);
    expect(await client.say(`MAIL FROM:<${alice}>`)).toBe('530 5.7.0 Authentication required');
    expect(await client.say(`AUTH PLAIN ${good}`)).toBe(succeeded);
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('asks printers for name and password in the words that they know', async () => {
    const client = await clientOf();
    expect(await client.say('auth login')).toBe('334 VXNlcm5hbWU6');
    expect(await client.say(base64(alice))).toBe('334 UGFzc3dvcmQ6');
    expect(await client.say(base64(marker))).toBe(succeeded);
  });

  it('asks for PLAIN with an empty challenge', async () => {
    const client = await clientOf();
    expect(await client.say('AUTH PLAIN')).toBe('334');
    expect(await client.say(good)).toBe(succeeded);
  });

  it('is not there on a port that has none', async () => {
    const client = await clientOf({ port: { auth: undefined } });
    expect(await client.say('EHLO c')).not.toContain('AUTH');
    expect(await client.say(`AUTH PLAIN ${good}`)).toBe('502 5.5.1 AUTH is not offered here');
  });

  it.each([
    [`AUTH PLAIN ${plain(alice, 'wrong')}`, refused],
    [`AUTH PLAIN ${plain('nobody', marker)}`, refused],
    [`AUTH PLAIN ${plain(`a\n@example.org`, marker)}`, refused],
    [`AUTH PLAIN ${base64(`\0${alice}\0${marker}\0`)}`, '501 5.5.2 Malformed response'],
    ['AUTH PLAIN no=base64', '501 5.5.2 Cannot decode the response: it is no base64'],
    [`AUTH PLAIN ${'QUJD'.repeat(3200)}`, '500 5.5.2 Line too long'],
    [`NOOP ${'x'.repeat(3000)}`, '500 5.5.2 Line too long'],
    [`AUTH CRAM-MD5`, '504 5.5.4 Unrecognized authentication mechanism'],
    ['AUTH XOAUTH2', '504 5.5.4 Unrecognized authentication mechanism'],
    ['AUTH', '501 5.5.4 Syntax: AUTH mechanism [initial-response]'],
  ])('answers %.40s as RFC 4954 says, and may be tried again', async (line, reply) => {
    const client = await clientOf();
    expect(await client.say(line)).toBe(reply);
    expect(await client.say(`AUTH PLAIN ${good}`)).toBe(succeeded);
  });

  it.each([
    ['*', '501 5.7.0 Authentication cancelled'],
    ['!', '501 5.5.2 Cannot decode the response: it is no base64'],
    ['QUJD\rQUJD', '501 5.5.2 Cannot decode the response: it is no base64'],
    ['QUJD'.repeat(4000), '500 5.5.6 Authentication exchange line is too long'],
  ])('ends when the response is %.20j', async (response, reply) => {
    const client = await clientOf();
    await client.say('AUTH LOGIN');
    expect(await client.say(response)).toBe(reply);
    expect(await client.say('NOOP')).toBe('250 2.0.0 Ok');
    expect(await client.say(`MAIL FROM:<${alice}>`)).toBe('530 5.7.0 Authentication required');
  });

  it('comes after EHLO, once, and not in a transaction', async () => {
    const relay = await relayOf();
    const client = await TestClient.connect(relay.port);
    await client.reply();
    expect(await client.say(`AUTH PLAIN ${good}`)).toBe('503 5.5.1 Send EHLO first');
    await client.say('EHLO c');
    expect(await client.say(`AUTH PLAIN ${good}`)).toBe(succeeded);
    expect(await client.say(`AUTH PLAIN ${good}`)).toBe('503 5.5.1 Already authenticated');
    await client.say(`MAIL FROM:<${alice}>`);
    expect(await client.say(`AUTH PLAIN ${good}`)).toMatch(/^503 5.5.1 A transaction is open/);
    expect(await client.say('RCPT TO:<x@example.net>')).toMatch(/^250 /);
  });

  it('reads nothing that was sent ahead before the proof is checked', async () => {
    const client = await clientOf();
    client.send(`AUTH PLAIN ${good}\r\nMAIL FROM:<${alice}>\r\nRSET\r\n`);
    client.send(`AUTH LOGIN\r\nNOOP\r\n`);
    expect(await replies(client, 5)).toEqual([
      succeeded,
      expect.stringMatching(/^250 /),
      '250 2.0.0 Ok',
      '503 5.5.1 Already authenticated',
      '250 2.0.0 Ok',
    ]);
  });

  it('is neither offered nor taken in clear where there could be TLS', async () => {
    const authority = await createCertificateAuthority(directory.path);
    const certificate = await authority.issue('server');
    const clear = await clientOf({ port: { tls: 'starttls', certificate } });
    expect(await clear.say('EHLO c')).not.toContain('AUTH');
    expect(await clear.say(`AUTH PLAIN ${good}`)).toBe('538 5.7.11 Encryption required: send STARTTLS first');
    await clear.say('STARTTLS');
    const client = await TestClient.overTls(clear.socket, { ca: authority.certificate });
    expect(await client.say('EHLO c')).toMatch(/^250[ -]AUTH PLAIN LOGIN$/m);
    expect(await client.say(`AUTH PLAIN ${good}`)).toBe(succeeded);
  });

  it('puts off who cannot be checked, and refuses nobody for it', async () => {
    await rm(file);
    const relay = await relayOf();
    const client = await greetedClient(relay.port);
    expect(await client.say(`AUTH PLAIN ${good}`)).toBe(
      '454 4.7.0 passwords cannot be checked; run mailbearer test-config',
    );
    expect(relay.log).toContainEqual(
      expect.objectContaining({ level: 'error', message: expect.stringContaining(file) }),
    );
  });

  it('ends the session of who fails too often', async () => {
    const client = await clientOf();
    for (let count = 0; count < 20; count++) await client.say('AUTH PLAIN !');
    expect(await client.reply()).toBe('421 4.7.0 Too many errors');
  });

  it('is logged with the name, and never with a password or a token, at trace either', async () => {
    const relay = await relayOf();
    const client = await greetedClient(relay.port);
    await client.say(`AUTH PLAIN ${plain(alice, 'marker-wrong')}`);
    await client.say('AUTH LOGIN');
    await client.say(base64(alice));
    await client.say(base64('marker-wrong'));
    await client.say(`AUTH PLAIN ${good}`);
    const log = JSON.stringify(relay.log);
    expect(log).toContain('C: AUTH PLAIN [redacted]');
    expect(log).not.toContain('marker');
    for (const password of [marker, 'marker-wrong'])
      for (const text of [base64(password), plain(alice, password)])
        expect(log).not.toContain(text.replaceAll('=', ''));
    expect(relay.log).toContainEqual(
      expect.objectContaining({
        level: 'info',
        message: 'client signed in',
        fields: expect.objectContaining({ user: alice, peer: '127.0.0.1', mechanism: 'PLAIN' }),
      }),
    );
  });

  it('is logged when it is refused, from each address', async () => {
    const relay = await relayOf();
    for (const from of ['127.0.0.2', '127.0.0.3']) {
      const client = await greetedClient(relay.port, from);
      for (let count = 0; count < 2; count++)
        expect(await client.say(`AUTH PLAIN ${plain(alice, 'wrong')}`)).toBe(refused);
    }
    expect(refusals(relay)).toEqual([
      { peer: '127.0.0.2', user: alice },
      { peer: '127.0.0.3', user: alice },
    ]);
  });

  it('lets a client wait that guesses on, before it says so', async () => {
    const clock = new VirtualClock();
    const relay = await relayWith([], { listen: [listenerOf()] }, clock);
    const client = await greetedClient(relay.port);
    const wrong = (index: number) => `AUTH PLAIN ${plain('nobody', `wrong ${index}`)}`;
    for (let index = 0; index < 10; index++) expect(await client.say(wrong(index))).toBe(refused);
    let reply = 'none yet';
    const answered = client.say(wrong(10)).then((line) => (reply = line));
    await expect.poll(() => relay.log.map(({ message }) => message)).toContain('client could not be checked');
    await clock.advance(999);
    expect(await (await greetedClient(relay.port)).say('NOOP')).toBe('250 2.0.0 Ok');
    expect(reply).toBe('none yet');
    await clock.advance(1);
    expect(await answered).toMatch(/^454 4\.7\.0 too many failed sign-ins/);
  });

  it('allows no more guesses for coming to several ports', async () => {
    const listener = listenerOf();
    const { addresses } = await relayWith([testAccount(alice, upstream.port)], {
      listen: [listener, listener],
    });
    const wrong = (index: number) => `AUTH PLAIN ${plain('nobody', `wrong ${index}`)}`;
    const [first, second] = await Promise.all(addresses.map(({ port }) => greetedClient(port)));
    for (let index = 0; index < 10; index++) expect(await first!.say(wrong(index))).toBe(refused);
    expect(await second!.say(wrong(10))).toMatch(/^454 4\.7\.0 too many failed sign-ins/);
  });

  it('allows no more guesses for a change of the configuration', async () => {
    const listen = [listenerOf()];
    const relay = await relayWith([], { listen });
    const wrong = (index: number) => `AUTH PLAIN ${plain('nobody', `wrong ${index}`)}`;
    const before = await greetedClient(relay.port);
    for (let index = 0; index < 10; index++) expect(await before.say(wrong(index))).toBe(refused);
    await relay.reconfigure([], { listen });
    const after = await greetedClient(relay.port);
    expect(await after.say(wrong(10))).toMatch(/^454 4\.7\.0 too many failed sign-ins/);
  });

  it('says at the start when nobody can sign in', async () => {
    const relay = await relayOf({ passwordsFile: undefined });
    expect(relay.log).toContainEqual(
      expect.objectContaining({ message: expect.stringMatching(/^nobody can sign in at .* neither/) }),
    );
  });
});

function refusals({ log }: RelayUnderTest): object[] {
  return log
    .filter(({ message }) => message === 'client refused')
    .map(({ fields: { peer, user } }) => ({ peer, user }));
}

describe('AUTH with a token', () => {
  async function tokenPort(...answers: object[]): Promise<RelayUnderTest> {
    const endpoint = await startTokenEndpoint();
    afterwards(() => endpoint.close());
    endpoint.script(...answers.map((body) => ({ body: { ...body } })));
    const listen = {
      address: '127.0.0.1:0',
      auth: { oauth2: { introspection_url: endpoint.url.href, username_attribute: 'username' } },
    };
    const { oauth2 } = parseConfig({ relay: { listen } }, undefined).config.relay.listen![0]!.auth!;
    return relayOf({ oauth2, accountBy: 'both' });
  }
  const known = { active: true, username: 'user@example.com' };
  const xoauth2 = 'dXNlcj11c2VyQGV4YW1wbGUuY29tAWF1dGg9QmVhcmVyIDEyMzQ1Njc4OTABAQ==';
  const oauthbearer =
    'bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9bG9jYWxob3N0AXBvcnQ9MTQzAWF1dGg9QmVhcmVyIDEyMzQ1Njc4OTABAQ==';

  it('is offered beside passwords, and accepts the examples of the providers', async () => {
    for (const [mechanism, response] of [
      ['XOAUTH2', xoauth2],
      ['OAUTHBEARER', oauthbearer],
    ]) {
      const client = await greetedClient((await tokenPort(known)).port);
      expect(await client.say('EHLO c')).toMatch(/^250[ -]AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER$/m);
      expect(await client.say(`AUTH ${mechanism} ${response}`)).toBe(succeeded);
    }
  });

  it.each([
    ['XOAUTH2', xoauth2, '{"status":"401","schemes":"bearer"}', ''],
    ['OAUTHBEARER', oauthbearer, '{"status":"invalid_token"}', 'AQ=='],
  ])(
    'says in a challenge of %s why it is refused, and awaits the answer',
    async (name, response, why, dummy) => {
      const relay = await tokenPort({ active: false });
      const client = await greetedClient(relay.port);
      const challenge = await client.say(`AUTH ${name} ${response}`);
      expect(Buffer.from(challenge.slice(4), 'base64').toString()).toBe(why);
      expect(await client.say(dummy)).toBe(refused);
      expect(refusals(relay)).toHaveLength(1);
      expect(await client.say(`AUTH PLAIN ${good}`)).toBe(succeeded);
    },
  );

  it.each(['*', undefined])('is logged when it is refused, though the answer be %j', async (answer) => {
    const relay = await tokenPort({ active: false });
    const client = await greetedClient(relay.port);
    expect(await client.say(`AUTH XOAUTH2 ${xoauth2}`)).toMatch(/^334 /);
    if (answer === undefined) client.end();
    else expect(await client.say(answer)).toBe('501 5.7.0 Authentication cancelled');
    expect(refusals(relay)).toEqual([{ peer: '127.0.0.1', user: 'user@example.com' }]);
  });
});

describe('a client that has signed in', () => {
  /** The reply to MAIL, with the login that sent each message upstream. */
  async function mailFrom(sender: string, login: string, wishes?: Wishes): Promise<string> {
    const client = await clientOf(wishes);
    expect(await client.say(`AUTH PLAIN ${plain(login, marker)}`)).toBe(succeeded);
    const reply = await client.say(`MAIL FROM:<${sender}>`);
    if (!reply.startsWith('250')) return reply;
    const login64 = upstream.lines
      .findLast((event) => event.includes('AUTH '))!
      .split(' ')
      .at(-1)!;
    return /user=([^\x01]*)/.exec(Buffer.from(login64, 'base64').toString())![1]!;
  }

  it('sends through the account of the sender, by default', async () => {
    expect(await mailFrom(bob, alice)).toBe(bob);
  });

  it('sends through the account of its login, whatever the sender, where that is wished', async () => {
    expect(await mailFrom(bob, alice, { accountBy: 'login' })).toBe(alice);
  });

  it('sends only where both have the same account, where that is wished', async () => {
    expect(await mailFrom(alice, alice, { accountBy: 'both' })).toBe(alice);
    expect(await mailFrom(bob, alice, { accountBy: 'both' })).toBe(denied(bob));
  });

  it('sends within what its password is for', async () => {
    expect(await mailFrom(bob, 'scanner')).toBe(bob);
    expect(await mailFrom('x@example.net', 'scanner')).toBe(denied('x@example.net'));
    expect(await mailFrom(bob, 'limited')).toBe(denied(bob));
    expect(await mailFrom(alice, 'limited')).toBe(denied(alice));
  });

  it('sends receipts through the account of its login', async () => {
    expect(await mailFrom('', alice)).toBe(alice);
  });

  it('is known by one name, and sends for those that it is mapped to', async () => {
    const wishes = {
      accountBy: 'login',
      loginSenders: new Map([['scanner', [bob, '@scans.example.org']]]),
    } as const;
    expect(await mailFrom(bob, 'scanner', wishes)).toBe(bob);
    expect(await mailFrom(alice, 'scanner', wishes)).toBe(denied(alice));
    expect(await mailFrom('hall+1@scans.example.org', 'scanner', wishes)).toBe(
      denied('hall+1@scans.example.org'),
    );
  });

  it('may not use the accounts that the port has not', async () => {
    const client = await clientOf({ port: { accounts: [alice] } });
    await client.say(`AUTH PLAIN ${good}`);
    expect(await client.say(`MAIL FROM:<${bob}>`)).toMatch(/^450 4.7.1 No account for <b@example.org>/);
  });

  it('has its RCPT and DATA answered as its MAIL was', async () => {
    const client = await clientOf({ accountBy: 'both' });
    await client.say(`AUTH PLAIN ${good}`);
    client.send(`MAIL FROM:<${bob}>\r\nRCPT TO:<x@example.net>\r\nDATA\r\n`);
    expect(await replies(client, 3)).toEqual([denied(bob), denied(bob), denied(bob)]);
  });
});
