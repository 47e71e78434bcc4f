/**
 * The upstream that the other system tests rely on: proved here without mailbearer, so that a failure there is
 * not a fault of this.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { type MailService, startMailService } from './mail-service.js';
import { programsMissing } from './requirements.js';
import { obtainTokens } from './sign-in.js';
import { SmtpDialogue } from './smtp-dialogue.js';

const alice = 'alice@example.test';
const bob = 'bob@example.test';

const initialResponses = {
  XOAUTH2: (user: string, token: string) => `user=${user}\x01auth=Bearer ${token}\x01\x01`,
  OAUTHBEARER: (user: string, token: string) => `n,a=${user},\x01auth=Bearer ${token}\x01\x01`,
} as const;
/** What ends the exchange after an error challenge: nothing for XOAUTH2, a lone ^A for OAUTHBEARER (RFC 7628, 3.2.3). */
const afterError = { XOAUTH2: '', OAUTHBEARER: 'AQ==' } as const;

describe.skipIf(programsMissing())('the upstream that the other system tests rely on', () => {
  let service: MailService;

  beforeAll(async () => {
    service = await startMailService({ accounts: [alice, bob], recipients: ['inbox@example.test'] });
  });

  async function openSecured(): Promise<SmtpDialogue> {
    const dialogue = await SmtpDialogue.open(service.server.port);
    await dialogue.command('EHLO test.example');
    await dialogue.startTls(service.authority.certificate);
    return dialogue;
  }

  it('offers authentication only under TLS, and both OAuth mechanisms then', async () => {
    const dialogue = await SmtpDialogue.open(service.server.port);
    expect((await dialogue.command('EHLO test.example')).lines.join('\n')).not.toMatch(/^AUTH/m);
    await dialogue.startTls(service.authority.certificate);
    expect((await dialogue.command('EHLO test.example')).lines).toContain('AUTH XOAUTH2 OAUTHBEARER');
    await dialogue.quit();
  });

  it('takes no mail from who has not signed in', async () => {
    const dialogue = await openSecured();
    await dialogue.command('EHLO test.example');
    await dialogue.command(`MAIL FROM:<${alice}>`);
    expect((await dialogue.command('RCPT TO:<inbox@example.test>')).code).toBe(554);
    await dialogue.quit();
  });

  for (const mechanism of ['XOAUTH2', 'OAUTHBEARER'] as const) {
    const signIn = async (user: string, token: string): Promise<ReturnType<SmtpDialogue['authenticate']>> => {
      const dialogue = await openSecured();
      await dialogue.command('EHLO test.example');
      const response = initialResponses[mechanism](user, token);
      const result = await dialogue.authenticate(mechanism, response, afterError[mechanism]);
      await dialogue.quit();
      return result;
    };

    it(`accepts a token by ${mechanism}`, async () => {
      const { accessToken } = await obtainTokens(service.provider, alice);
      expect(await signIn(alice, accessToken)).toMatchObject({ reply: { code: 235 }, challenge: undefined });
    });

    it(`refuses a token that the provider never gave, by ${mechanism}`, async () => {
      const { reply, challenge } = await signIn(alice, 'made-up');
      expect(reply.code).toBe(535);
      expect(JSON.parse(challenge ?? '')).toMatchObject({
        status: mechanism === 'XOAUTH2' ? '401' : 'invalid_token',
      });
    });

    it(`refuses another account's token, by ${mechanism}`, async () => {
      const { accessToken } = await obtainTokens(service.provider, bob);
      expect((await signIn(alice, accessToken)).reply.code).toBe(535);
    });
  }
});
