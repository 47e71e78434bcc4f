/**
 * docker-mailserver's page on OAuth2 ("Verify authentication works"), with the relay in docker-mailserver's place: its
 * settings are the relay's, and its command for SMTP, but for the port, signs in and sends. The provider is a real
 * one that is asked at userinfo, as the page has it for authentik.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { startOpenIdProvider } from '../../examples/demo/openid-provider.js';
import { freePort, run, type RunningProgram } from '../support/process.js';
import { type MailService, startMailService } from './mail-service.js';
import { prepareRelay, type Relay } from './relay.js';
import { programsMissing } from './requirements.js';
import { obtainTokens } from './sign-in.js';
import { teardown } from './teardown.js';

const hello = 'hello@example.com';
const script = `curl --silent --url "smtp://localhost:$PORT" \\
    --login-options "AUTH=$AUTH_METHOD" --user "$USER_ACCOUNT" --oauth2-bearer "$ACCESS_TOKEN" \\
    --mail-from "$USER_ACCOUNT" --mail-rcpt "$USER_ACCOUNT" --upload-file - <<< 'RFC 5322 content - not important'`;

describe.skipIf(programsMissing('curl'))("docker-mailserver's check of OAuth2", () => {
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
        ...process.env,
        PORT: String(relay.port),
        AUTH_METHOD: method,
        USER_ACCOUNT: hello,
        ACCESS_TOKEN: token,
      },
    });

  it('passes', async () => {
    await check('OAUTHBEARER', accessToken);
    // What the page greps for in Postfix's log, in the words of ours.
    expect(program.output()).toMatch(
      /"user":"hello@example.com","mechanism":"OAUTHBEARER","msg":"client signed in"/,
    );
    expect(String(await service.server.nextMessage(hello, 0))).toContain('RFC 5322 content - not important');
  });

  it('fails with a token that nobody gave', async () => {
    await expect(check('OAUTHBEARER', 'DMS_YWNjZXNzX3Rva2Vu')).rejects.toMatchObject({ code: 67 });
  });
});
