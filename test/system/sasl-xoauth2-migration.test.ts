/**
 * The guide for who comes from sasl-xoauth2, followed to the letter: the configuration file gains the provider of these
 * tests (Gmail and Outlook need no entry), the token files stay as they are, and main.cf changes as the page says.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { changeMainCf, type Postfix } from '../support/postfix.js';
import { blockOf } from './guide.js';
import { type MailService, startMailService } from './mail-service.js';
import { asStored, compose, takeApart } from './message.js';
import { prepareRelay, type Relay, startClient } from './relay.js';
import { programsMissing } from './requirements.js';
import { obtainTokens } from './sign-in.js';
import { submitMessage } from './smtp-dialogue.js';

const alice = 'alice@example.test';
const bob = 'bob@example.test';
const inbox = 'inbox@example.test';

describe.skipIf(programsMissing())('a machine that had sasl-xoauth2', () => {
  let service: MailService;
  let relay: Relay;
  let client: Postfix;

  beforeAll(async () => {
    service = await startMailService({ accounts: [alice, bob], recipients: [inbox] });
    relay = await prepareRelay(service, {
      accounts: {},
      config: {
        token_endpoint: service.provider.tokenEndpoint,
        refresh_window: '10',
        log_to_syslog_on_failure: 'yes',
        log_full_trace_on_failure: 'no',
      },
    });
    const lines = (mark: string) => blockOf('from-sasl-xoauth2', mark, { '2525': String(relay.port) });
    const mainCf = changeMainCf(await lines('before main.cf'), await lines('after main.cf'));
    client = await startClient(service, mainCf);
  });

  it('sends with the token files that the plugin left, and leaves them as the plugin wants them', async () => {
    const grants = {
      alice: await obtainTokens(service.provider, alice),
      bob: await obtainTokens(service.provider, bob),
    };
    // What the plugin's README shows for one account, and the longer form for several.
    await relay.writeToken(alice, {
      access_token: '',
      expiry: '0',
      refresh_token: grants.alice.refreshToken,
    });
    await relay.writeToken('second-account', {
      access_token: 'expired-long-ago',
      client_id: service.provider.clientId,
      client_secret: '',
      token_endpoint: service.provider.tokenEndpoint,
      expiry: '0',
      refresh_token: grants.bob.refreshToken,
      refresh_window: '0',
      user: bob,
      note: 'kept',
    });
    await relay.start();

    for (const [index, sender] of [alice, bob].entries()) {
      const message = compose(`migrated ${index}`, 'Hello\r\n');
      await submitMessage(client.port, { from: sender, to: [inbox], message });
      const stored = takeApart(await service.server.nextMessage(inbox, index));
      expect(stored.message).toBe(asStored(message));
      expect(stored.trace).toContain(`(Authenticated sender: ${sender})`);
    }

    const epochSeconds = expect.stringMatching(/^[1-9]\d{9,}$/) as string;
    expect(await relay.readToken(alice)).toEqual({
      access_token: expect.stringMatching(/^.{20,}$/) as string,
      expiry: epochSeconds,
      refresh_token: grants.alice.refreshToken,
    });
    expect(await relay.readToken('second-account')).toEqual({
      access_token: expect.stringMatching(/^.{20,}$/) as string,
      client_id: service.provider.clientId,
      client_secret: '',
      token_endpoint: service.provider.tokenEndpoint,
      expiry: epochSeconds,
      refresh_token: grants.bob.refreshToken,
      refresh_window: '0',
      user: bob,
      note: 'kept',
    });
  });
});
