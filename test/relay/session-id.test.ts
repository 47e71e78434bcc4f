/** The id of a client's session: in each refusal of ours, and in each line that the log has of it, on both sides. */
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/config/limits.js';
import { AppError } from '../../src/core/errors.js';
import { greetedClient, type RelayUnderTest, TestClient, testAccount } from '../support/relay-under-test.js';
import { envelope, mail, oneAccount, rcpt, relayWith, replies, submit, upstreamWith } from './scene.js';

const bare = 'Subject: x\r\n\r\nhello\r\n.\r\r\n.\r\n';

/** What was said on one side of the relay: `log` without what is no dialogue. */
const dialogue = ({ log }: RelayUnderTest, side: 'client' | 'upstream') =>
  log
    .filter(({ message }) => /^[CS]: /.test(message))
    .filter(({ fields }) => ('upstream' in fields ? 'upstream' : 'client') === side)
    .map(({ message, fields }) => [fields['session'], message]);

describe('a refusal', () => {
  it('names the session that the log knows, whatever it is that we refuse', async () => {
    const refusing = await upstreamWith({
      script: (event) => (event.startsWith('RCPT') ? '530 5.7.0 Authentication required\r\n' : undefined),
    });
    const wellBehaved = await upstreamWith({ extensions: ['PIPELINING', 'SIZE 1000', 'AUTH XOAUTH2'] });
    const bad = { ...testAccount('bad@example.org', 9), token: new AppError('grant-dead', 'it has ended') };
    const relay = await relayWith(
      [
        bad,
        testAccount('a@example.org', wellBehaved.port),
        testAccount('refused@example.org', refusing.port),
      ],
      { limits: { ...defaultLimits, recipientsPerMessage: 2, messagesPerSession: 6, messageOctets: 2000 } },
    );
    const client = await greetedClient(relay.port);
    const said: string[] = [];
    const say = async (text: string, wanted: RegExp) => {
      client.session = undefined;
      client.send(text);
      expect(await client.reply()).toMatch(wanted);
      said.push(client.session ?? `none in the reply to ${text}`);
    };
    await say('NONSENSE\r\n', /^500 /);
    await say(rcpt, /^503 /);
    await say('MAIL FROM:<nobody@example.org>\r\n', /^450 4\.7\.1 No account/);
    await say('MAIL FROM:<bad@example.org>\r\n', /^454 4\.7\.0 bad@example\.org: /);
    await say('MAIL FROM:<a@example.org> ODD=1\r\n', /^555 /);
    await say('MAIL FROM:<a@example.org> SIZE=1500\r\n', /^552 5\.3\.4 /);
    client.send('MAIL FROM:<refused@example.org>\r\n');
    await client.reply();
    await say(rcpt, /^454 4\.7\.0 /);
    client.send(`RSET\r\n${mail}${rcpt}${rcpt}`);
    await replies(client, 4);
    await say(rcpt, /^452 /);
    client.send('DATA\r\n');
    await client.reply();
    await say(bare, /^550 5\.6\.11 /);
    await say(mail, /^421 4\.7\.0 Too many messages/);
    expect([...new Set(said)]).toEqual([expect.stringMatching(/^[0-9a-f]{6}$/)]);
    const logged = relay.log.filter(({ message }) => /^message |^limit reached/.test(message));
    expect(logged.length).toBeGreaterThan(4);
    expect(new Set(logged.map(({ fields }) => fields['session']))).toEqual(new Set(said));
  });

  it('names one, too, to whom there is no room for', async () => {
    const { relay } = await oneAccount({}, { limits: { ...defaultLimits, connections: 1 } });
    await greetedClient(relay.port);
    const second = await TestClient.connect(relay.port);
    expect(await second.reply()).toMatch(/^421 /);
    expect(second.session).toMatch(/^[0-9a-f]{6}$/);
    const { fields } = relay.log.find(({ message }) => message.startsWith('limit reached'))!;
    expect(fields['session']).toBe(second.session);
  });

  it("that is the server's passes as it came", async () => {
    const { relay } = await oneAccount({
      script: (event) => (event.startsWith('RCPT') ? '550 5.1.1 Who is that?\r\n' : undefined),
    });
    const client = await greetedClient(relay.port);
    await client.say(mail.trimEnd());
    expect(await client.say(rcpt.trimEnd())).toBe('550 5.1.1 Who is that?');
    expect(client.session).toBeUndefined();
  });
});

describe('the dialogue in the log', () => {
  it('has the id of the client that it is for, on both sides', async () => {
    const { relay } = await oneAccount();
    const ids: string[] = [];
    for (const [index] of ['opens the session', 'finds it kept'].entries()) {
      const client = await greetedClient(relay.port);
      await submit(client);
      client.send('NONSENSE\r\n');
      await client.reply();
      ids.push(client.session!);
      client.send(`RSET\r\n${mail}${rcpt}`);
      await replies(client, 3);
      await client.say('QUIT');
      await expect.poll(() => dialogue(relay, 'upstream').filter(isReset).length).toBe(index + 1);
    }
    const of = (id: string, side: 'client' | 'upstream') =>
      dialogue(relay, side)
        .filter(([session]) => session === id)
        .map(([, line]) => line);
    const [first = '', second = ''] = ids;
    expect(first).not.toBe(second);
    const message = ['C: MAIL FROM:<a@example.org>', 'C: RCPT TO:<x@example.net>', 'C: DATA'];
    for (const id of ids) {
      expect(of(id, 'client')).toEqual(expect.arrayContaining([...message, `S: 221 2.0.0 Bye`]));
      expect(of(id, 'upstream')).toEqual(expect.arrayContaining([...message, 'S: 250 2.0.0 Ok: queued']));
    }
    expect(of(first, 'upstream').slice(0, 2)).toEqual([
      expect.stringMatching(/^S: 220 /),
      'C: EHLO client.example',
    ]);
    expect(of(second, 'upstream')[0]).toBe('C: MAIL FROM:<a@example.org>');
    expect(new Set(dialogue(relay, 'upstream').map(([session]) => session))).toEqual(new Set(ids));
    expect(new Set(dialogue(relay, 'client').map(([session]) => session))).toEqual(new Set(ids));
  });

  it('has none for what a session says while nobody uses it', async () => {
    const { relay, upstream } = await oneAccount();
    const client = await greetedClient(relay.port);
    await submit(client);
    await relay.reconfigure([]);
    await relay.close();
    await expect.poll(() => upstream.lines.at(-1)).toMatch(/QUIT$/);
    expect(dialogue(relay, 'upstream').at(-1)).toEqual([undefined, 'C: QUIT']);
  });

  it('is that of a client, too, whose token has to be renewed', async () => {
    const { account, relay, upstream } = await oneAccount();
    upstream.acceptedTokens = new Set(['another']);
    account.renewed = 'another';
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    await client.say('x\r\n.');
    client.send('NONSENSE\r\n');
    await client.reply();
    const renewal = relay.log.find(({ message }) => message === 'token renewed: refused');
    expect([renewal?.fields['session'], client.session]).toEqual([client.session, expect.any(String)]);
  });
});

function isReset([, line]: readonly unknown[]): boolean {
  return line === 'C: RSET';
}
