/** Upstreams that break the protocol: whatever they say, nothing is acknowledged that they did not accept. */
import { describe, expect, it } from 'vitest';
import { greetedClient } from '../support/relay-under-test.js';
import { envelope, mail, message, oneAccount, rcpt, replies, submit } from './scene.js';

/** Answers this to the first command that starts with `stage`, and behaves from then on. */
function once(stage: string, answer: string) {
  let said = false;
  return (event: string) => {
    if (said || !event.startsWith(stage)) return undefined;
    said = true;
    return answer;
  };
}

describe('an upstream that breaks the grammar', () => {
  it.each([
    ['a line without end', `250 ${'x'.repeat(5000)}`],
    ['lines without end', '250-2.1.0 more\r\n'.repeat(200)],
    ['bare newlines', '250 2.1.0 Ok\n250 2.1.5 Ok\n'],
    ['a code of another class', '150 wait\r\n'],
    ['codes that differ', '250-2.1.0 Ok\r\n550 5.1.1 no\r\n'],
    ['binary', '\x00\xff\x16\x03\x01\r\n'],
  ])('with %s is left: 451, and a fresh session for the next message', async (_, answer) => {
    const { upstream, relay } = await oneAccount();
    upstream.script = once('MAIL', answer);
    const client = await greetedClient(relay.port);
    expect(await client.say(mail.trimEnd())).toMatch(
      /^451 4\.4\.0 a@example\.org: the upstream server broke/,
    );
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    await expect.poll(() => upstream.open).toBe(1);
  });

  it('with control characters cannot forge a line, in the reply or in the log', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = once('MAIL', '550 5.7.1 no\x1b[2J\x00\x08\r\n');
    const client = await greetedClient(relay.port);
    expect(await client.say(mail.trimEnd())).toBe('550 5.7.1 no?[2J??');
    expect(
      relay.log.some(({ message, fields }) => /[\x00-\x1f]/.test(message + String(fields['reply']))),
    ).toBe(false);
  });
});

describe('an upstream that says more than it was asked', () => {
  it.each([
    ['MAIL', '250 2.1.0 Ok\r\n250 2.1.0 Ok\r\n'],
    ['RCPT', '250 2.1.5 Ok\r\n250 2.1.5 Ok\r\n'],
    ['DATA', '354 go\r\n250 2.0.0 Ok: queued\r\n'],
    ['body', '250 2.0.0 Ok: queued\r\n'],
    ['body', '354 go on\r\n'],
  ])('(%s: %j) is left: 451, nothing acknowledged', async (stage, answer) => {
    for (const extensions of [undefined, ['AUTH XOAUTH2', '8BITMIME']]) {
      const { upstream, relay } = await oneAccount(extensions && { extensions });
      upstream.script = once(stage, answer);
      const client = await greetedClient(relay.port);
      client.send(mail);
      await client.reply();
      client.send(rcpt);
      await client.reply();
      const data = await client.say('DATA');
      if (data.startsWith('354')) client.send('a line\r\n');
      await expect.poll(() => upstream.open).toBe(0);
      if (data.startsWith('354')) {
        client.send('.\r\n');
        expect(await client.reply()).toMatch(/^451 4\.4\.0 /);
      } else {
        expect(data).toMatch(/^451 4\.4\.0 /);
      }
      expect(upstream.messages).toEqual([]);
      expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    }
  });

  it('behind the refusal of MAIL is not believed about the RSET that follows', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = once('MAIL', '450 4.7.1 later\r\n250 2.0.0 Ok\r\n');
    const client = await greetedClient(relay.port);
    expect(await client.say(mail.trimEnd())).toBe('450 4.7.1 later');
    await expect.poll(() => upstream.open).toBe(0);
    expect(await submit(client)).toEqual([
      '250 2.1.0 Ok',
      '250 2.1.5 Ok',
      '354 End data with <CR><LF>.<CR><LF>',
      '250 2.0.0 Ok: queued',
    ]);
  });

  it('behind its answer to one command is not believed about the next, which was not sent yet', async () => {
    const { upstream, relay } = await oneAccount({ extensions: ['AUTH XOAUTH2', '8BITMIME'] });
    upstream.script = once('MAIL', '250 2.1.0 Ok\r\n550 5.1.1 no such user\r\n');
    const client = await greetedClient(relay.port);
    client.send(mail + rcpt);
    expect(await replies(client, 2)).toEqual(['250 2.1.0 Ok', expect.stringMatching(/^451 4\.4\.0 /)]);
  });

  it.each(['421 4.4.2 idle for too long\r\n', '250 what\r\n'])(
    'between messages (%j) loses its session, and nobody notices',
    async (text) => {
      const { upstream, relay } = await oneAccount();
      const client = await greetedClient(relay.port);
      await submit(client);
      upstream.say(text);
      await expect.poll(() => upstream.open).toBe(0);
      expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
      expect(upstream.connections).toBe(2);
    },
  );

  it('by refusing a message half-way and then accepting it is believed the first time', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = once('body', '452 4.3.1 full\r\n250 2.0.0 Ok: queued after all\r\n');
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    client.send('half of it\r\n');
    await expect.poll(() => upstream.open).toBe(0);
    client.send('and the rest\r\n.\r\n');
    expect(await client.reply()).toBe('452 4.3.1 full');
    expect(upstream.messages).toEqual([]);
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it.each(['250 2.1', '250-2.1.0 more\r\n'])(
    'and leaves it unfinished between messages (%j) has the next message on a fresh session',
    async (text) => {
      const { upstream, relay } = await oneAccount();
      const client = await greetedClient(relay.port);
      await submit(client);
      upstream.say(text);
      // What was said comes before the answer to this, which takes another way round.
      await client.say('NOOP');
      await client.say('NOOP');
      expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
      expect(upstream.connections).toBe(2);
      await expect.poll(() => upstream.open).toBe(1);
    },
  );

  it('behind the end of a message does not disturb the next', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = once('end', '250 2.0.0 Ok\r\n250 2.0.0 Ok again\r\n');
    const client = await greetedClient(relay.port);
    client.send(envelope);
    await replies(client, 3);
    client.send(message + mail + rcpt);
    expect((await replies(client, 3)).map((reply) => reply.slice(0, 3))).toEqual(['250', '250', '250']);
    expect(upstream.lines.filter((line) => line.includes('MAIL'))).toEqual([
      '[1] MAIL FROM:<a@example.org>',
      '[2] MAIL FROM:<a@example.org>',
    ]);
  });
});

describe('an upstream that repeats what it was sent', () => {
  const token = 'ya29.a0Af_-SECRET.SECRET-SECRETsecretSECRETsecret';

  it.each([token, `${token}${'x'.repeat(600)}`])(
    'gives no token away, in no reply and in no log (%#)',
    async (secret) => {
      const sasl = (text: string) => Buffer.from(text).toString('base64');
      const response = sasl(`user=a@example.org\x01auth=Bearer ${secret}\x01\x01`);
      for (const echo of [
        `500 5.5.1 Command unrecognized: "AUTH XOAUTH2 ${response}"`,
        `500 5.5.1 Command unrecognized: "${response.slice(0, 90)}..."`,
        `535-5.7.8 bad token ${secret}\r\n535 5.7.8 <${secret.slice(0, 30)}...>`,
        `334 ${sasl(JSON.stringify({ status: '401', token: secret }))}`,
      ]) {
        // Another relay for each: an account that was refused is left alone for a while.
        const { upstream, account, relay } = await oneAccount();
        account.token = secret;
        const client = await greetedClient(relay.port);
        let answers = 0;
        upstream.script = (event) => {
          if (!event.startsWith('AUTH') && !event.startsWith(response)) return undefined;
          // In two steps the response comes as a line of its own, which the script sees as a command.
          if (event === 'AUTH XOAUTH2') return '334 \r\n';
          return answers++ === 0 ? `${echo}\r\n` : '535 5.7.8 no\r\n';
        };
        client.send(mail);
        if (echo.startsWith('334')) {
          await expect.poll(() => upstream.lines.at(-1)).toMatch(/^\[\d+\] $/);
          upstream.say('535 5.7.8 no\r\n');
        }
        const answer = await client.reply();
        expect(answer).toMatch(/^454 4\.7\.0 /);
        const log = JSON.stringify(relay.log);
        for (const leak of [
          secret.slice(0, 20),
          secret.slice(20, 45),
          response.slice(0, 40),
          response.slice(40, 80),
        ])
          expect([answer.includes(leak), log.includes(leak)]).toEqual([false, false]);
        expect(log).not.toContain(sasl(secret).slice(4, 40));
      }
    },
  );

  it('keeps the words that are not ours', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = once(
      'AUTH',
      '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled\r\n',
    );
    const client = await greetedClient(relay.port);
    expect(await client.say(mail.trimEnd())).toContain(
      '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled',
    );
  });
});

it('a refusal of the token counts although the server hangs up in the same breath', async () => {
  const { upstream, account, relay } = await oneAccount();
  upstream.script = once('AUTH', '535 5.7.3 Authentication unsuccessful\r\n421 4.7.0 Bye\r\n');
  const client = await greetedClient(relay.port);
  expect(await client.say(mail.trimEnd())).toMatch(/^454 4\.7\.0 .*535 5\.7\.3/);
  expect(account.refused).toEqual(['token-of-a@example.org']);
});
