/** What doctor makes of access tokens that say something of themselves. */
import { describe, expect, it } from 'vitest';
import type { Account } from '../../../src/accounts/account.js';
import { judgeClaims, judgeToken, readClaims } from '../../../src/cli/doctor/claims.js';
import { Secret } from '../../../src/core/secret.js';
import { outlook, unknownProvider } from '../../../src/providers/index.js';
import { oauthClient } from '../../support/token-endpoint.js';

const now = Date.UTC(2026, 10, 26);
const tenant = '11111111-2222-3333-4444-555555555555';
const times = { now, expiresAt: now + 3_600_000 };

const own: Pick<Account, 'client' | 'grant' | 'provider'> = {
  client: oauthClient(new URL('https://id.example/token'), { clientId: 'id' }),
  grant: { kind: 'refresh-token' },
  provider: { ...unknownProvider, scope: 'openid offline_access smtp' },
};
const microsoft = {
  ...own,
  client: oauthClient(new URL(`https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`), {
    clientId: 'id',
  }),
  provider: outlook,
};
const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;

describe('what a token says of itself', () => {
  it('is read without being believed, and an opaque one is not', () => {
    expect(readClaims(jwt({ aud: 'x' }))).toEqual({ aud: 'x' });
    for (const opaque of ['ya29.a0Af', 'EwB', 'a.b.c', 'a.b.c.d']) expect(readClaims(opaque)).toBeUndefined();
  });

  const office = 'https://outlook.office.com';
  const exchangeNumber = '00000002-0000-0ff1-ce00-000000000000';
  it.each([
    [{ aud: office, scp: 'SMTP.Send', tid: tenant }, 'pass', `with SMTP.Send, tenant ${tenant}`],
    [{ aud: exchangeNumber, scp: 'Mail.Read SMTP.Send' }, 'pass', 'with Mail.Read SMTP.Send'],
    [{ aud: exchangeNumber, scp: 'Mail.Read' }, 'fail', 'not enough to send'],
    [{ aud: 'https://outlook.office365.com', roles: ['SMTP.SendAsApp'] }, 'pass', 'with SMTP.SendAsApp'],
    [{ aud: 'https://outlook.office365.com', roles: [] }, 'pass', 'with no rights by name'],
    [{ aud: office, scp: 'IMAP.AccessAsUser.All' }, 'fail', 'not enough to send'],
    [{ aud: 'https://graph.microsoft.com', scp: 'SMTP.Send' }, 'fail', 'that is not Exchange'],
    [{ aud: '00000003-0000-0000-c000-000000000000', scp: 'Mail.Send' }, 'fail', 'that is not Exchange'],
    [{ aud: 'https://management.azure.com', scp: 'user_impersonation' }, 'fail', 'that is not Exchange'],
    [{ aud: `api://${tenant}`, scp: 'x' }, 'fail', 'that is not Exchange'],
    [{ aud: office, scp: 'SMTP.Send', appid: 'other' }, 'fail', 'another client'],
    [
      { aud: office, scp: 'SMTP.Send', tid: '99999999-2222-3333-4444-555555555555' },
      'fail',
      `token_endpoint names the tenant ${tenant}`,
    ],
  ])('of Microsoft, %j: %s', (claims, outcome, message) => {
    expect(judgeClaims(claims, microsoft, times)).toMatchObject({
      outcome,
      message: expect.stringContaining(message) as string,
    });
  });

  it.each([
    [{ aud: 'mail', scope: 'openid smtp' }, 'pass', 'for mail, with openid smtp'],
    [{ aud: 'mail' }, 'pass', 'with no rights by name'],
    [{ aud: 'mail', scope: 'openid profile' }, 'fail', 'lacks smtp'],
    [{ aud: 'https://management.azure.com/', scope: 'smtp' }, 'fail', 'that is not Exchange'],
    [{ aud: 'mail', scope: 'smtp', azp: 'other' }, 'fail', 'another client'],
    [{ aud: 'mail', scope: 'smtp', exp: now / 1000 + 600 }, 'pass', 'living for 10m'],
    [{ aud: 'mail', scope: 'smtp', exp: now / 1000 - 600 }, 'fail', 'ended 10m ago'],
  ])('of another provider, %j: %s', (claims, outcome, message) => {
    expect(judgeClaims(claims, own, times)).toMatchObject({
      outcome,
      message: expect.stringContaining(message) as string,
    });
  });

  it('may have ended, as long as the token file knows it: a refresh is all it takes', () => {
    const claims = { aud: 'mail', scope: 'smtp', exp: now / 1000 - 600 };
    expect(judgeClaims(claims, own, { now, expiresAt: now - 1 })).toMatchObject({ outcome: 'pass' });
  });

  it('is not asked of a token that is opaque, or not there', () => {
    const stored = (token: string | undefined) => ({
      accessToken: token === undefined ? undefined : new Secret(token),
      expiresAt: times.expiresAt,
      writtenAt: now,
      refreshToken: undefined,
      overrides: {},
      version: '',
    });
    const account = { ...own } as Account;
    for (const token of ['ya29.a0Af', undefined])
      expect(judgeToken(stored(token), account, now)).toMatchObject({ outcome: 'skip' });
  });
});
