/**
 * docker-mailserver's page on OAuth2 ("Verify authentication works"), with the relay in docker-mailserver's place: its
 * settings are the relay's, and its command for SMTP, but for the port, signs in and sends. The provider is a real
 * one that is asked at userinfo, as the page has it for authentik. The page warns of curl before 8.6, so this is a
 * later one.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { startOpenIdProvider } from '../../examples/demo/openid-provider.js';
import { freePort, run, type RunningProgram } from '../support/process.js';
import { withLaterCurl } from './later-curl.js';
import { type MailService, startMailService } from './mail-service.js';
import { prepareRelay, type Relay } from './relay.js';
import { programsMissing, unpackedMissing } from './requirements.js';
import { obtainTokens } from './sign-in.js';
import { teardown } from './teardown.js';

const hello = 'hello@example.com';
const script = `curl --silent --url "smtp://localhost:$PORT" \\
    --login-options "AUTH=$AUTH_METHOD" --user "$USER_ACCOUNT" --oauth2-bearer "$ACCESS_TOKEN" \\
    --mail-from "$USER_ACCOUNT" --mail-rcpt "$USER_ACCOUNT" --upload-file - <<< 'RFC 5322 content - not important'`;

describe.skipIf(programsMissing() || unpackedMissing('curl'))("docker-mailserver's check of OAuth2", () => {
  let service: MailService;
  let relay: Relay;
  let accessToken: string;
  let program: RunningProgram;

  beforeAll(async () => {
    const provider = await startOpenIdProvider({
      accounts: [{ sub: 'hello', email: hello }],
      userinfo: true,
    });
    teardown.defer(provider.close);
    ({ accessToken } = await obtainTokens(provider, hello, 'openid email'));
    const discovery = await fetch(`${provider.issuer}/.well-known/openid-configuration`);
    const { userinfo_endpoint } = (await discovery.json()) as Record<string, string>;
    service = await startMailService({ accounts: [hello], recipients: [hello] });
    const port = await freePort();
    relay = await prepareRelay(service, {
      port,
      config: {
        relay: {
          listen: {
            address: `127.0.0.1:${port}`,
            auth: { required: true, oauth2: { introspection_url: userinfo_endpoint } },
          },
        },
      },
    });
    await relay.signIn(hello);
    program = await relay.start();
  });

  const check = (method: string, token: string) =>
    run('bash', ['-c', script], {
      env: {
        ...withLaterCurl(),
        PORT: String(relay.port),
        AUTH_METHOD: method,
        USER_ACCOUNT: hello,
        ACCESS_TOKEN: token,
      },
    });

  it.each(['OAUTHBEARER', 'XOAUTH2'])('passes with %s', async (method) => {
    const known = (await service.server.messages(hello)).length;
    await check(method, accessToken);
    // What the page greps for in Postfix's log, in the words of ours.
    await program.waitForOutput(RegExp(`"user":"${hello}","mechanism":"${method}","msg":"client signed in"`));
    expect(String(await service.server.nextMessage(hello, known))).toContain(
      'RFC 5322 content - not important',
    );
  });

  it.each(['OAUTHBEARER', 'XOAUTH2'])('fails with %s and a token that nobody gave', async (method) => {
    await expect(check(method, 'DMS_YWNjZXNzX3Rva2Vu')).rejects.toMatchObject({ code: 67 });
  });
});
