import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import { greetedClient, startTestRelay, TestClient, testAccount } from '../support/relay-under-test.js';
import { envelope, message, oneAccount, relayWith, submit, upstreamWith } from './scene.js';

describe('a message', () => {
  it('reaches the upstream octet for octet, and its answers reach the client', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    expect(await submit(client)).toEqual([
      '250 2.1.0 Ok',
      '250 2.1.5 Ok',
      '354 End data with <CR><LF>.<CR><LF>',
      '250 2.0.0 Ok: queued',
    ]);
    expect(upstream.messages).toEqual([
      {
        user: 'a@example.org',
        mail: 'MAIL FROM:<a@example.org>',
        recipients: ['RCPT TO:<x@example.net>'],
        data: message,
      },
    ]);
    expect(await client.say('QUIT')).toMatch(/^221/);
  });

  it('goes up in one write of the envelope when the client pipelines it', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    await submit(client);
    expect(upstream.chunks).toContain(envelope);
  });

  it('goes up command by command when the upstream does not pipeline', async () => {
    const { upstream, relay } = await oneAccount({ extensions: ['AUTH XOAUTH2', '8BITMIME'] });
    const client = await greetedClient(relay.port);
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.chunks.filter((chunk) => /^(MAIL|RCPT|DATA)/.test(chunk))).toEqual(
      envelope.split(/(?<=\r\n)/),
    );
  });

  it('is written to the log with account, recipients, size, reply and time', async () => {
    const { relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    await submit(client);
    const line = relay.log.find((one) => one.message === 'message sent');
    expect(line?.fields).toMatchObject({
      account: 'a@example.org',
      recipients: 1,
      bytes: message.length,
      reply: '250 2.0.0 Ok: queued',
      ms: expect.any(Number),
    });
  });

  it('is written to the log with its own sender when the session had another before', async () => {
    const upstream = await upstreamWith();
    const senders = ['a@example.org', 'alias@example.org', 'a@example.org'];
    const relay = await relayWith([testAccount('a@example.org', upstream.port, { senders })]);
    const client = await greetedClient(relay.port);
    for (const sender of senders) await submit(client, message, envelope.replace('a@example.org', sender));
    const sent = relay.log.filter((one) => one.message === 'message sent');
    expect(sent.map(({ fields }) => [fields.account, fields.from])).toEqual(
      senders.map((sender) => ['a@example.org', sender]),
    );
  });

  it('uses the session of the one before it', async () => {
    const { upstream, relay } = await oneAccount();
    for (let round = 0; round < 3; round++) {
      const client = await greetedClient(relay.port);
      await submit(client);
      await client.say('QUIT');
    }
    expect(upstream.connections).toBe(1);
    expect(upstream.messages).toHaveLength(3);
  });

  it('survives the death of a kept session: it gets a fresh one', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    await submit(client);
    upstream.script = (event, { number }) => (number === 1 && event.startsWith('MAIL') ? 'reset' : undefined);
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    upstream.script = (event, { number }) =>
      number === 2 && event.startsWith('MAIL') ? '421 4.4.2 idle\r\n' : undefined;
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.connections).toBe(3);
  });

  it('of 5 MB in odd pieces arrives whole', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    const line = `${'.'.repeat(3)}${'x'.repeat(70)}\r\n`;
    const text = `${line.repeat(70_000)}.\r\n`;
    client.send(envelope);
    for (let count = 0; count < 3; count++) await client.reply();
    for (let at = 0; at < text.length; at += 9973) client.send(text.slice(at, at + 9973));
    expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages[0]?.data === text).toBe(true);
  });

  it('with false end marks arrives with its dots doubled, once', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    const smuggled = 'a\n.\r\nMAIL FROM:<evil@example.org>\r\nb\r\n.\nc\n.\nd\r\n.\r\n';
    expect((await submit(client, smuggled)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages.map(({ data }) => data)).toEqual([
      'a\n..\r\nMAIL FROM:<evil@example.org>\r\nb\r\n..\nc\n..\nd\r\n.\r\n',
    ]);
  });

  it('with a bare CR beside such a dot is refused, never ended, and the client stays connected', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    expect((await submit(client, 'a\r\n.\r\r\nb\r.\r\nc\r\n.\r\n')).at(-1)).toMatch(/^550 5\.6\.11 /);
    expect(upstream.messages).toEqual([]);
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('with bare newlines is refused when the configuration says so', async () => {
    const upstream = await upstreamWith();
    const relay = await relayWith([testAccount('a@example.org', upstream.port)], { bareNewlines: 'reject' });
    const client = await greetedClient(relay.port);
    expect((await submit(client, 'a\nb\r\n.\r\n')).at(-1)).toMatch(/^550 5\.6\.11 /);
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages).toHaveLength(1);
  });

  it('is never ended when the client vanishes in the middle of it', async () => {
    const { upstream, relay } = await oneAccount();
    for (const leave of ['destroy', 'end'] as const) {
      const client = await greetedClient(relay.port);
      client.send(envelope);
      for (let count = 0; count < 3; count++) await client.reply();
      client.send('half a mess');
      await expect.poll(() => upstream.chunks.at(-1)).toBe('half a mess');
      client.socket[leave]();
      await expect.poll(() => upstream.open).toBe(0);
    }
    expect(upstream.messages).toEqual([]);
    expect(upstream.truncated).toHaveLength(2);
  });
});

describe('what the upstream says', () => {
  it('passes with every line', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) =>
      event.startsWith('RCPT')
        ? '550-5.1.1 No such user here.\r\n550-5.1.1 Try another\r\n550 5.1.1 one\r\n'
        : undefined;
    const client = await greetedClient(relay.port);
    client.send(envelope);
    expect(await client.reply()).toBe('250 2.1.0 Ok');
    expect(await client.reply()).toBe(
      '550-5.1.1 No such user here.\r\n550-5.1.1 Try another\r\n550 5.1.1 one',
    );
  });

  it.each([
    ['MAIL', '552 5.3.4 Message too big', '552 5.3.4 Message too big'],
    ['MAIL', '421 4.7.0 Try again later', '451 4.7.0 Try again later'],
    ['MAIL', '530 5.7.57 Client not authenticated', '454 4.7.0 '],
    ['RCPT', '450 4.2.1 Rate limit', '450 4.2.1 Rate limit'],
    ['RCPT', '535 5.7.3 Authentication unsuccessful', '454 4.7.0 '],
    ['DATA', '554 5.5.1 No valid recipients', '554 5.5.1 No valid recipients'],
    ['DATA', '421 4.3.2 Service closing', '451 4.3.2 Service closing'],
    ['end', '554 5.2.0 SendAsDenied', '554 5.2.0 SendAsDenied'],
    ['end', '550 5.4.5 Daily user sending limit exceeded', '450 4.4.5 Daily user sending limit exceeded'],
    ['end', '421 4.3.0 Temporary System Problem', '451 4.3.0 Temporary System Problem'],
    ['end', '538 5.7.11 Encryption required', '454 4.7.0 '],
    ['end', '354 what', '451 4.4.0 '],
    ['MAIL', '354 go', '451 4.4.0 '],
    ['MAIL', 'nonsense', '451 4.4.0 '],
    ['DATA', '250 ok', '451 4.4.0 '],
  ])('at %s: %j becomes %j, and the client stays connected', async (stage, said, told) => {
    const { account, upstream, relay } = await oneAccount();
    upstream.script = (event) => (event.startsWith(stage) ? `${said}\r\n` : undefined);
    const client = await greetedClient(relay.port);
    let answer = '';
    for (const line of envelope.trimEnd().split('\r\n')) {
      answer = await client.say(line);
      if (!/^[23]/.test(answer)) break;
    }
    if (answer.startsWith('354')) {
      client.send(message);
      answer = await client.reply();
    }
    expect(answer.startsWith(told)).toBe(true);
    expect(upstream.messages).toEqual([]);
    upstream.script = () => undefined;
    // One that the server has refused is left alone for a while.
    account.token = 'another';
    await client.say('RSET');
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('about a refused MAIL answers what was pipelined behind it too, never a 503 about a recipient', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => {
      if (event.startsWith('MAIL')) return '451 4.7.0 Temporary server error\r\n';
      return /^(RCPT|DATA)/.test(event) ? '503 5.5.1 Need MAIL\r\n' : undefined;
    };
    const client = await greetedClient(relay.port);
    client.send(envelope);
    const replies = [await client.reply(), await client.reply(), await client.reply()];
    expect(replies).toEqual(Array.from({ length: 3 }, () => '451 4.7.0 Temporary server error'));
    upstream.script = () => undefined;
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('before the message has ended is told after it has', async () => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => (event === 'body' ? '552 5.3.4 Too big\r\n' : undefined);
    const client = await greetedClient(relay.port);
    client.send(envelope);
    for (let count = 0; count < 3; count++) await client.reply();
    client.send('first part\r\n');
    await expect.poll(() => upstream.open).toBe(0);
    client.send('second part\r\n.\r\n');
    expect(await client.reply()).toBe('552 5.3.4 Too big');
    expect(upstream.messages).toEqual([]);
  });

  it.each(['reset', 'close'] as const)(
    'ends with a %s after the final dot: 451, no message acknowledged',
    async (act) => {
      const { upstream, relay } = await oneAccount();
      upstream.script = (event) => (event === 'end' ? act : undefined);
      const client = await greetedClient(relay.port);
      expect((await submit(client)).at(-1)).toMatch(/^451 4\.4\.2 a@example\.org: /);
      expect(await client.say('NOOP')).toMatch(/^250/);
    },
  );

  it.each(['reset', 'close'] as const)('ends with a %s in mid-message: 451 at its end', async (act) => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => (event === 'body' ? act : undefined);
    const client = await greetedClient(relay.port);
    client.send(envelope);
    for (let count = 0; count < 3; count++) await client.reply();
    client.send('part\r\n');
    await expect.poll(() => upstream.open).toBe(0);
    client.send('more\r\n.\r\n');
    expect(await client.reply()).toMatch(/^451 4\.4\.2 /);
  });
});

describe('token trouble', () => {
  it('answers 454 at MAIL with account, cause and command, and touches no other account', async () => {
    const upstream = await upstreamWith();
    const bad = testAccount('bad@example.org', upstream.port);
    bad.token = new AppError('grant-dead', '/etc/tokens/bad: invalid_grant', {
      publicDetail: 'invalid_grant',
    });
    const good = testAccount('a@example.org', upstream.port);
    const relay = await relayWith([bad, good]);
    const client = await greetedClient(relay.port);
    expect(await client.say('MAIL FROM:<bad@example.org>')).toBe(
      '454 4.7.0 bad@example.org: the sign-in has ended and must be repeated (invalid_grant); run mailbearer get-token for this account',
    );
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('at the upstream: the challenge is answered, its reason logged, the token reported, the client told 454', async () => {
    const { upstream, account, relay } = await oneAccount();
    upstream.acceptedTokens = new Set(['another']);
    const client = await greetedClient(relay.port);
    expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(
      /^454 4\.7\.0 a@example\.org: .*535 5\.7\.8/,
    );
    expect(account.refused).toEqual(['token-of-a@example.org']);
    expect(JSON.stringify(relay.log)).toContain('\\"status\\":\\"401\\"');
    expect(upstream.lines.at(-1)).toBe('[1] ');
    account.token = 'another';
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(JSON.stringify(relay.log)).not.toContain('token-of-a@example.org');
  });

  it('of an account that is broken is answered 454 with its name, without paths', async () => {
    const problem = new AppError('token-unreadable', '/secret/path: EACCES');
    const relay = await relayWith([
      { name: 'b@example.org', tokenFile: '/secret/path', senders: ['b@example.org'], problem },
    ]);
    const client = await greetedClient(relay.port);
    const answer = await client.say('MAIL FROM:<b@example.org>');
    expect(answer).toMatch(
      /^454 4\.7\.0 b@example\.org: the token file cannot be read; run mailbearer test-config/,
    );
    expect(answer).not.toContain('/secret');
  });
});

describe('a sender without an account', () => {
  it('is deferred with the key to add, or refused when the configuration says so', async () => {
    const upstream = await upstreamWith();
    const accounts = [testAccount('a@example.org', upstream.port)];
    for (const [unknownSender, pattern] of [
      ['defer', /^450 4\.7\.1 No account for <x@y>: add it to "senders"/],
      ['reject', /^550 5\.7\.1 /],
    ] as const) {
      const relay = await relayWith(accounts, { unknownSender });
      const client = await greetedClient(relay.port);
      expect(await client.say('MAIL FROM:<x@y>')).toMatch(pattern);
      expect(await client.say('RCPT TO:<x@example.net>')).toMatch(pattern);
    }
  });

  it('is answered 451 when there is no account at all', async () => {
    const relay = await relayWith([]);
    const client = await greetedClient(relay.port);
    expect(await client.say('MAIL FROM:<x@y>')).toMatch(/^451 /);
  });
});

describe('connection trouble', () => {
  it('of one account does not hold up the mail of another', async () => {
    const [silent, good] = [await upstreamWith({ script: () => 'silence' }), await upstreamWith()];
    const relay = await relayWith([
      testAccount('stuck@example.org', silent.port),
      testAccount('a@example.org', good.port),
    ]);
    const waiting = await greetedClient(relay.port);
    waiting.send('MAIL FROM:<stuck@example.org>\r\n');
    await expect.poll(() => silent.connections).toBe(1);
    expect((await submit(await greetedClient(relay.port))).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(waiting.received).toBe('');
    waiting.end();
    silent.reset();
  });

  it('is answered 451 4.4.1 when nothing listens', async () => {
    const upstream = await upstreamWith();
    const relay = await relayWith([testAccount('a@example.org', upstream.port)]);
    await upstream.close();
    const client = await greetedClient(relay.port);
    expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(/^451 4\.4\.1 a@example\.org: /);
    expect(await client.say('NOOP')).toMatch(/^250/);
  });

  it.each([
    ['greeting', 'close'],
    ['greeting', 'reset'],
    ['greeting', '554 5.3.2 no\r\n'],
    ['greeting', 'HTTP/1.1 400 Bad Request\r\n'],
    ['EHLO', '500 what\r\n'],
    ['EHLO', 'reset'],
    ['AUTH', '421 4.3.2 busy\r\n'],
    ['AUTH', 'close'],
  ])('at %s (%j) is answered 451, and no session is left', async (stage, answer) => {
    const { upstream, relay } = await oneAccount();
    upstream.script = (event) => (event.startsWith(stage) ? answer : undefined);
    const client = await greetedClient(relay.port);
    expect(await client.say('MAIL FROM:<a@example.org>')).toMatch(/^451 4\.4\.\d /);
    await expect.poll(() => upstream.open).toBe(0);
  });
});

describe('the relay itself', () => {
  it('offers what it can keep and answers what concerns nobody else', async () => {
    const { relay } = await oneAccount();
    const client = await TestClient.connect(relay.port);
    expect(await client.reply()).toBe('220 relay.example ESMTP mailbearer');
    expect(await client.say('MAIL FROM:<a@example.org>')).toBe('503 5.5.1 Send EHLO first');
    expect((await client.say('EHLO me')).split('\r\n').slice(1)).toEqual([
      '250-PIPELINING',
      '250-SIZE',
      '250-8BITMIME',
      '250 ENHANCEDSTATUSCODES',
    ]);
    expect(await client.say('HELO me')).toBe('250 relay.example');
    expect(await client.say('NOOP')).toMatch(/^250 /);
    expect(await client.say('VRFY root')).toMatch(/^252 /);
    expect(await client.say('HELP')).toMatch(/^214 /);
    expect(await client.say('RSET')).toMatch(/^250 /);
    expect(await client.say('FOO')).toMatch(/^500 /);
    expect(await client.say('DATA')).toMatch(/^503 /);
    expect(await client.say('MAIL FROM:<a@example.org> RET=FULL')).toMatch(/^555 5\.5\.4 /);
    expect(await client.say('QUIT')).toMatch(/^221 /);
    expect(await client.reply()).toBe('(closed)');
  });

  it('refuses UTF-8 and 8-bit mail as the RFCs say when the upstream cannot take it', async () => {
    const { relay } = await oneAccount({ extensions: ['PIPELINING', 'AUTH XOAUTH2'] });
    const client = await greetedClient(relay.port);
    expect(await client.say('MAIL FROM:<a@example.org> SMTPUTF8')).toMatch(/^550 5\.6\.7 /);
    await client.say('EHLO client.example');
    expect(await client.say('MAIL FROM:<a@example.org> BODY=8BITMIME')).toMatch(/^554 5\.6\.3 /);
    expect(await client.say('MAIL FROM:<a@example.org> SIZE=10 BODY=7BIT AUTH=<>')).toBe('250 2.1.0 Ok');
  });

  it('drops parameters that only concern us, and passes the others', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    await client.say('MAIL FROM:<a@example.org> SIZE=10 AUTH=<> BODY=8BITMIME SMTPUTF8');
    expect(upstream.lines.at(-1)).toBe('[1] MAIL FROM:<a@example.org> SIZE=10 BODY=8BITMIME SMTPUTF8');
  });

  it.each([
    ['a POST of a web page', 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nEHLO x\r\n'],
    ['a header line', 'X: y\r\nEHLO x\r\n'],
    ['a TLS handshake', '\x16\x03\x01\x00\x05hello\r\nEHLO x\r\n'],
  ])('ends the connection on %s', async (_, text) => {
    const { upstream, relay } = await oneAccount();
    const client = await TestClient.connect(relay.port);
    await client.reply();
    client.send(`${text}MAIL FROM:<a@example.org>\r\n`);
    expect(await client.rest()).toEqual([]);
    expect(upstream.connections).toBe(0);
  });

  it('ends the connection of a client that speaks before the greeting', async () => {
    const { relay } = await oneAccount();
    const client = await TestClient.connect(relay.port, 'EHLO x\r\nMAIL FROM:<a@example.org>\r\n');
    expect(await client.rest()).toEqual([]);
    expect(relay.log.at(-1)?.message).toContain('before the greeting');
  });

  it('takes command lines of 2,048 octets, refuses longer ones, and goes on after them', async () => {
    const { relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    expect(await client.say(`NOOP ${'x'.repeat(2041)}`)).toMatch(/^250 /);
    for (const length of [2042, 5000, 300_000])
      expect(await client.say(`NOOP ${'x'.repeat(length)}`)).toBe('500 5.5.2 Line too long');
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('ends the connection after twenty errors', async () => {
    const { relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    client.send('FOO\r\n'.repeat(25));
    const replies = await client.rest();
    expect(replies).toHaveLength(21);
    expect(replies.at(-1)).toMatch(/^421 4\.7\.0 /);
  });

  it('answers RSET in mid-transaction itself, and the session is used again', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    client.send('MAIL FROM:<a@example.org>\r\nRCPT TO:<x@example.net>\r\nRSET\r\n');
    expect([await client.reply(), await client.reply(), await client.reply()]).toEqual([
      '250 2.1.0 Ok',
      '250 2.1.5 Ok',
      '250 2.0.0 Ok',
    ]);
    await expect.poll(() => upstream.lines.at(-1)).toBe('[1] RSET');
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.connections).toBe(1);
    expect(upstream.messages[0]?.recipients).toHaveLength(1);
  });

  it('still answers a client that has closed its half of the connection after QUIT', async () => {
    const { upstream, relay } = await oneAccount();
    const client = await greetedClient(relay.port);
    client.send(envelope);
    for (let count = 0; count < 3; count++) await client.reply();
    client.send(`${message}QUIT\r\n`);
    client.socket.end();
    expect(await client.rest()).toEqual(['250 2.0.0 Ok: queued', '221 2.0.0 Bye']);
    expect(upstream.messages).toHaveLength(1);
  });

  it('finishes a message in flight when it is told to stop, and says good-bye to who is idle', async () => {
    const upstream = await upstreamWith();
    const relay = await startTestRelay([testAccount('a@example.org', upstream.port)]);
    const idle = await greetedClient(relay.port);
    const busy = await greetedClient(relay.port);
    busy.send(envelope);
    for (let count = 0; count < 3; count++) await busy.reply();
    const closed = relay.close();
    expect(await idle.rest()).toEqual([expect.stringMatching(/^421 4\.3\.2 /)]);
    busy.send(message);
    expect(await busy.rest()).toEqual(['250 2.0.0 Ok: queued', expect.stringMatching(/^421 4\.3\.2 /)]);
    await closed;
    expect(upstream.messages).toHaveLength(1);
  });
});
