/**
 * An administrator who has sasl-xoauth2 changes what the README says and nothing else: its configuration file
 * gains the provider of these tests (Gmail and Outlook need no entry), its token files stay as they are, and its
 * main.cf, quoted here from the plugin's own README, gets our README's lines.
 */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { markedBlock } from '../support/markdown.js';
import { changeMainCf, type Postfix } from '../support/postfix.js';
import { type MailService, startMailService } from './mail-service.js';
import { asStored, compose, takeApart } from './message.js';
import { prepareRelay, type Relay, startClient } from './relay.js';
import { programsMissing } from './requirements.js';
import { obtainTokens } from './sign-in.js';
import { submitMessage } from './smtp-dialogue.js';

const alice = 'alice@example.test';
const bob = 'bob@example.test';
const inbox = 'inbox@example.test';

/** All that https://github.com/tarickb/sasl-xoauth2 tells people to put into main.cf. */
const mainCfOfThePlugin = `
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd
smtp_sasl_security_options =
smtp_sasl_mechanism_filter = xoauth2
smtp_tls_security_level = encrypt
smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt
smtp_tls_session_cache_database = btree:\${data_directory}/smtp_scache
relayhost = [smtp.gmail.com]:587
`;

/** The ini block of README.md between the two main.cf marks, with the port of these tests. */
async function readmeLines(port: number): Promise<string> {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  return markedBlock(readme, 'main.cf').replaceAll(/\b2525\b/g, String(port));
}

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
    const mainCf = changeMainCf(mainCfOfThePlugin, await readmeLines(relay.port));
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
