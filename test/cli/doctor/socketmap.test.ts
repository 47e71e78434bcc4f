/** What doctor makes of a main.cf that asks the socketmap, and of a socket that nobody answers at. */
import { describe, expect, it } from 'vitest';
import type { Machine } from '../../../src/cli/doctor/check.js';
import { parseMainCf } from '../../../src/cli/doctor/main-cf.js';
import { judgeMainCf, socketmapCheck } from '../../../src/cli/doctor/socketmap.js';
import { parseConfig } from '../../../src/config/parse.js';

const asking = `smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd, socketmap:unix:mailbearer/socketmap:tokens
smtp_sender_dependent_authentication = yes
`;
const relayhost = 'relayhost = [smtp.gmail.com]:587\n';
const secure = 'smtp_tls_security_level = secure\n';
const judge = (text: string) =>
  judgeMainCf(parseMainCf(text)).map(({ message, outcome }) => [outcome, message]);

describe('a Postfix that asks the socketmap', () => {
  it('is fine when all its mail goes to a server that it verifies', () => {
    expect(judge(asking + relayhost + secure)).toEqual([['pass', expect.stringContaining('verified')]]);
  });

  it.each([
    ['with servers that it does not verify', relayhost, /not verified: smtp_tls_security_level is not set/],
    [
      'with TLS that takes any certificate',
      `${relayhost}smtp_tls_security_level = encrypt\n`,
      /smtp_tls_security_level is encrypt/,
    ],
    ['without a next hop for all mail', secure, /any recipient: relayhost is not set/],
  ])('is told so %s', (_, lines, message) => {
    expect(judge(asking + lines)).toEqual([['fail', expect.stringMatching(message)]]);
  });

  it('is nothing to look at when it asks another table, or does not sign in', () => {
    expect(judge(asking.replace('socketmap:unix', 'cdb:unix'))).toEqual([]);
    expect(judge(asking.replace('= yes', '= no'))).toEqual([]);
  });
});

describe('a socketmap', () => {
  const look = (listen: string | undefined) => {
    const { config } = parseConfig({ socketmap: { listen } }, undefined);
    return socketmapCheck.run({ config } as Machine);
  };

  it('that nobody answers at is a failure, one that is not wanted is nothing', async () => {
    expect((await look('unix:/nowhere/socketmap'))[0]).toMatchObject({
      outcome: 'fail',
      message: expect.stringContaining('/nowhere/socketmap: connect ENOENT') as string,
      hint: expect.stringContaining('mailbearer serve') as string,
    });
    expect(await look(undefined)).toEqual([]);
  });
});
