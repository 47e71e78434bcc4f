/**
 * Clients that send with tokens of their own: curl signs in at the relay, which passes the token on to Debian's Postfix
 * with Dovecot, which asks the provider. The stored token is good for nothing, so that nothing could be sent with it.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { freePort, run } from '../support/process.js';
import { withLaterCurl } from './later-curl.js';
import { type MailService, startMailService } from './mail-service.js';
import { prepareRelay, type Relay } from './relay.js';
import { programsMissing, unpackedMissing } from './requirements.js';
import { obtainTokens } from './sign-in.js';

const alice = 'alice@example.test';
/** Has no account here: the default one says where the server is. */
const bob = 'bob@example.test';
const inbox = 'inbox@example.test';

describe.skipIf(programsMissing() || unpackedMissing('curl'))('a token that the relay passes on', () => {
  let service: MailService;
  let relay: Relay;
  let message: string;

  beforeAll(async () => {
    service = await startMailService({ accounts: [alice, bob], recipients: [inbox] });
    const port = await freePort();
    const auth = { required: true, upstream_token: 'client' };
    const config = { default_account: alice, relay: { listen: { address: `127.0.0.1:${port}`, auth } } };
    relay = await prepareRelay(service, { port, config, accounts: { [alice]: { provider: 'corp' } } });
    await relay.writeToken(alice, { access_token: 'stored', refresh_token: 'stored', expiry: '9999999999' });
    await relay.start();
    message = join(service.directory, 'message.eml');
    await writeFile(message, 'Subject: my own\r\n\r\nIt works.\r\n');
  });

  const send = (mechanism: string, token: string, user = alice) =>
    run(
      'curl',
      [
        ...['--silent', '--show-error', '--login-options', `AUTH=${mechanism}`, '--user', user],
        ...['--oauth2-bearer', token, '--mail-from', user, '--mail-rcpt', inbox, '--upload-file', message],
        `smtp://127.0.0.1:${relay.port}/c.test`,
      ],
      { env: withLaterCurl() },
    );

  it.each(['XOAUTH2', 'OAUTHBEARER'])(
    'by %s is what the upstream server signs the client in with',
    async (name) => {
      const { accessToken } = await obtainTokens(service.provider, alice);
      const known = (await service.server.messages(inbox)).length;
      await send(name, accessToken);
      const arrived = String(await service.server.nextMessage(inbox, known));
      expect(arrived).toContain(`(Authenticated sender: ${alice})`);
      expect(arrived).toContain('It works.');
    },
  );

  it('of somebody who has no account here is passed on to the server of the default one', async () => {
    const { accessToken } = await obtainTokens(service.provider, bob);
    const known = (await service.server.messages(inbox)).length;
    await send('XOAUTH2', accessToken, bob);
    expect(String(await service.server.nextMessage(inbox, known))).toContain(
      `(Authenticated sender: ${bob})`,
    );
  });

  it.each(['XOAUTH2', 'OAUTHBEARER'])(
    'by %s is refused where the upstream server refuses it',
    async (name) => {
      await expect(send(name, 'made-up')).rejects.toMatchObject({ code: 67 });
    },
  );

  it('that was withdrawn is refused, and the stored one is neither tried nor touched', async () => {
    const { accessToken } = await obtainTokens(service.provider, alice);
    await service.provider.endSessions();
    await expect(send('XOAUTH2', accessToken)).rejects.toMatchObject({ code: 67 });
    expect(await relay.readToken(alice)).toMatchObject({ access_token: 'stored' });
  });
});
