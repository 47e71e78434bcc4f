/**
 * The main job: Debian's Postfix hands mail to `mailbearer serve`, which submits it to Debian's Postfix and
 * Dovecot with an access token. Nothing in between is a stand-in but the addresses.
 */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Postfix } from '../support/postfix.js';
import type { RunningProgram } from '../support/process.js';
import { type Gate, startGate } from './gate.js';
import { type MailService, startMailService } from './mail-service.js';
import { asStored, compose, difficultBody, takeApart } from './message.js';
import { expiredTokenFileOf, prepareRelay, type Relay, startClient } from './relay.js';
import { programsMissing } from './requirements.js';
import { obtainTokens } from './sign-in.js';
import { SmtpDialogue, submitMessage } from './smtp-dialogue.js';
import { teardown } from './teardown.js';

const alice = 'alice@example.test';
const bob = 'bob@example.test';
const carol = 'carol@example.test';
const dave = 'dave@example.test';
const accounts = [alice, bob, carol, dave];

describe.skipIf(programsMissing())('Postfix through mailbearer to Postfix and Dovecot', () => {
  let service: MailService;
  let gate: Gate;
  let relay: Relay;
  let serve: RunningProgram;
  let client: Postfix;

  beforeAll(async () => {
    service = await startMailService({
      accounts,
      recipients: [...accounts, 'inbox@example.test', 'second@example.test'],
    });
    gate = teardown.add(await startGate(Number(new URL(service.provider.issuer).port)));
    relay = await prepareRelay(service, {
      accounts: {
        [alice]: { provider: 'corp' },
        [bob]: { provider: 'corp', mechanism: 'oauthbearer' },
        [carol]: { provider: 'corp' },
        [dave]: { provider: 'corp', token_endpoint: `http://127.0.0.1:${gate.port}/token` },
      },
      config: { default_account: alice },
    });
    await relay.signIn(alice, bob);
    const withoutGrant = await obtainTokens(service.provider, carol);
    await relay.writeToken(carol, expiredTokenFileOf({ ...withoutGrant, refreshToken: 'revoked' }));
    serve = await relay.start();
    client = await startClient(
      service,
      `relayhost = [127.0.0.1]:${relay.port}
# Postfix itself would break lines of more than 998 octets.
smtp_line_length_limit = 0
`,
    );
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${serve.output()}\n${await client.log()}\n`);
  });

  async function send(from: string, to: readonly string[], message: Buffer): Promise<void> {
    const { recipients, end } = await submitMessage(client.port, {
      from,
      to,
      message,
      parameters: 'BODY=8BITMIME',
    });
    // Postfix takes everything; what the relay says comes later.
    for (const { code } of [...recipients, end]) expect(code).toBe(250);
  }

  for (const [account, mechanism] of [
    [alice, 'xoauth2'],
    [bob, 'oauthbearer'],
  ] as const) {
    it(`submits a message byte for byte by ${mechanism}`, async () => {
      const message = compose(`by ${mechanism}`, difficultBody);
      const known = (await service.server.messages('inbox@example.test')).length;
      await send(account, ['inbox@example.test'], message);
      const stored = takeApart(await service.server.nextMessage('inbox@example.test', known));
      expect(stored.message).toBe(asStored(message));
      expect(stored.trace).toContain(`(Authenticated sender: ${account})`);
      expect(await service.server.log()).toContain(
        `sasl_method=${mechanism.toUpperCase()}, sasl_username=${account}`,
      );
    });
  }

  it('delivers to the other recipients when one is refused, and lets Postfix bounce that one', async () => {
    const message = compose('one is refused', 'Hello\r\n');
    const known = (await service.server.messages('inbox@example.test')).length;
    await send(alice, ['inbox@example.test', 'nobody@example.test', 'second@example.test'], message);
    for (const [recipient, count] of [
      ['inbox@example.test', known],
      ['second@example.test', 0],
    ] as const) {
      expect(takeApart(await service.server.nextMessage(recipient, count)).message).toBe(asStored(message));
    }
    // The null sender of a bounce belongs to the default account.
    const bounce = (await service.server.nextMessage(alice)).toString('latin1');
    expect(bounce).toContain('550 5.1.1 <nobody@example.test>');
    expect(takeApart(Buffer.from(bounce, 'latin1')).trace).toContain('Return-Path: <>');
  });

  it('leaves the report of a delivery to the upstream, once that is known to have DSN', async () => {
    const known = (await service.server.messages('inbox@example.test')).length;
    await send(bob, ['inbox@example.test'], compose('the upstream is seen', 'Now\r\n'));
    await service.server.nextMessage('inbox@example.test', known);
    const offer = await SmtpDialogue.open(relay.port);
    const { lines } = await offer.command('EHLO test.example');
    expect(lines.slice(1)).toEqual([
      'PIPELINING',
      expect.stringMatching(/^SIZE \d+$/),
      '8BITMIME',
      'SMTPUTF8',
      'DSN',
      'ENHANCEDSTATUSCODES',
    ]);
    await offer.quit();

    const dialogue = await SmtpDialogue.open(client.port);
    await dialogue.command('EHLO test.example');
    await dialogue.command(`MAIL FROM:<${bob}> RET=HDRS ENVID=an+2Benvelope`);
    await dialogue.command('RCPT TO:<inbox@example.test> NOTIFY=SUCCESS ORCPT=rfc822;in+2Dbox@example.test');
    await dialogue.command('DATA');
    await dialogue.command(`${compose('with a report', 'Hello\r\n').toString('latin1')}.`);
    await dialogue.quit();
    const report = (await service.server.nextMessage(bob)).toString('latin1');
    // A Postfix that met no DSN would itself report "relayed".
    expect(report).toMatch(/^Action: delivered$/m);
    expect(report).toMatch(/^Original-Envelope-Id: an\+envelope$/m);
    expect(report).toMatch(/^Original-Recipient: rfc822;\s?in-box@example\.test$/m);
  });

  it('defers only the mail of an account whose grant is dead, until someone has signed in again', async () => {
    const before = (await client.log()).length;
    const message = compose('grant is dead', 'Later\r\n');
    await send(carol, ['second@example.test'], message);
    await client.waitForLog(
      /status=deferred \(host \S+ said: 454 4\.7\.0 carol@example\.test: the sign-in has ended .*in reply to MAIL FROM/,
      before,
    );

    const known = (await service.server.messages('inbox@example.test')).length;
    for (const number of [0, 1, 2]) {
      await send(alice, ['inbox@example.test'], compose(`unhindered ${number}`, 'Now\r\n'));
    }
    await service.server.nextMessage('inbox@example.test', known + 2);
    expect((await client.queue()).map(({ sender }) => sender)).toContain(carol);
    expect((await client.log()).slice(before)).not.toContain('delivery temporarily suspended');

    const waiting = (await service.server.messages('second@example.test')).length;
    await relay.signIn(carol);
    const stored = takeApart(await service.server.nextMessage('second@example.test', waiting));
    expect(stored.message).toBe(asStored(message));
  });

  it('defers mail while the token endpoint is down, and sends it afterwards', async () => {
    const before = (await client.log()).length;
    const waiting = (await service.server.messages('second@example.test')).length;
    gate.shut();
    await relay.writeToken(dave, expiredTokenFileOf(await obtainTokens(service.provider, dave)));
    const message = compose('endpoint is down', 'Later\r\n');
    await send(dave, ['second@example.test'], message);
    await client.waitForLog(
      /status=deferred \(host \S+ said: 454 4\.7\.0 dave@example\.test: the token endpoint gives no token now.*in reply to MAIL FROM/,
      before,
    );

    gate.open();
    const stored = takeApart(await service.server.nextMessage('second@example.test', waiting));
    expect(stored.message).toBe(asStored(message));
  });

  it('loses nothing when it is killed and started again', async () => {
    const known = (await service.server.messages('inbox@example.test')).length;
    serve.signal('SIGKILL');
    await serve.exited;
    const message = compose('while it is down', difficultBody);
    const before = (await client.log()).length;
    await send(alice, ['inbox@example.test'], message);
    await client.waitForLog(/status=deferred/, before);

    serve = await relay.start();
    const stored = takeApart(await service.server.nextMessage('inbox@example.test', known));
    expect(stored.message).toBe(asStored(message));
    expect(await service.server.messages('inbox@example.test')).toHaveLength(known + 1);
  });

  it('ends with status 0 on SIGTERM and has shown no token to anyone', async () => {
    const { access_token: accessToken, refresh_token: refreshToken } = await relay.readToken(alice);
    expect(await serve.stop()).toEqual({ code: 0, signal: null });
    for (const output of [serve.output(), await client.log()]) {
      expect(output).not.toContain(accessToken);
      expect(output).not.toContain(refreshToken);
    }
  });
});
