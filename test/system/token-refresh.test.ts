/**
 * Tokens that live for seconds: `serve` refreshes them in the background, and mail goes out with the new one when
 * the old one is worth nothing any more.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Postfix } from '../support/postfix.js';
import { eventually } from '../support/process.js';
import { type MailService, startMailService } from './mail-service.js';
import { asStored, compose, takeApart } from './message.js';
import { prepareRelay, type Relay, startClient } from './relay.js';
import { programsMissing } from './requirements.js';
import { submitMessage } from './smtp-dialogue.js';

const alice = 'alice@example.test';
const inbox = 'inbox@example.test';
const accessTokenSeconds = 4;

describe.skipIf(programsMissing())('mail while access tokens expire', () => {
  let service: MailService;
  let relay: Relay;
  let client: Postfix;

  beforeAll(async () => {
    service = await startMailService({
      accounts: [alice],
      recipients: [inbox],
      accessTokenSeconds,
      // The server hangs up between two messages, so the second needs a session, and a token, of its own.
      mainCf: 'smtpd_timeout = 1s\n',
    });
    relay = await prepareRelay(service);
    client = await startClient(service, `relayhost = [127.0.0.1]:${relay.port}\n`);
  });

  /** Asks as the mail server does (RFC 7662). */
  async function isActive(token: string): Promise<boolean> {
    const { clientId, clientSecret } = service.provider.mailServer;
    const response = await fetch(service.provider.introspectionEndpoint, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
      body: new URLSearchParams({ token }),
    });
    return ((await response.json()) as { active: boolean }).active;
  }

  it('refreshes in the background, and the next message leaves with the new token', async () => {
    await relay.signIn(alice);
    await relay.start();
    const first = compose('with the first token', 'One\r\n');
    await submitMessage(client.port, { from: alice, to: [inbox], message: first });
    expect(takeApart(await service.server.nextMessage(inbox)).message).toBe(asStored(first));

    const { access_token: firstToken } = await relay.readToken(alice);
    await eventually('another token in the file', async () =>
      (await relay.readToken(alice))['access_token'] === firstToken ? undefined : true,
    );
    expect(await isActive(firstToken ?? '')).toBe(true);
    await eventually('the end of the first token', async () =>
      (await isActive(firstToken ?? '')) ? undefined : true,
    );

    const second = compose('with a later token', 'Two\r\n');
    const before = (await service.server.log()).length;
    await submitMessage(client.port, { from: alice, to: [inbox], message: second });
    expect(takeApart(await service.server.nextMessage(inbox, 1)).message).toBe(asStored(second));
    await service.server.waitForLog(/sasl_method=XOAUTH2, sasl_username=alice@example\.test/, before);
    expect((await service.server.log()).slice(before)).toContain('connect from');
    expect(await client.log()).not.toContain('status=deferred');
  });
});
