/** Whom mail belongs to while the database of the accounts is away: there may be one that is not known here. */
import { describe, expect, it } from 'vitest';
import type { ListenerAuthSettings } from '../../src/config/listener.js';
import { AppError } from '../../src/core/errors.js';
import { Lookups } from '../../src/refresh/lookups.js';
import type { Member } from '../../src/refresh/member.js';
import { accessOf, accountFor } from '../../src/relay/access.js';
import { answerTo } from '../../src/socketmap/lookup.js';

const away = new AppError('store-unavailable', 'postgres://db.example/m cannot be reached: ECONNREFUSED');
const member = (name: string): Member => ({
  kind: 'broken',
  account: {
    ...{ name, senders: [name], tokenFile: `postgres://db.example/m/${name}` },
    problem: new AppError('token-invalid', 'it has no refresh_token'),
  },
});
const members = ['a@b.example', 'c@d.example'].map(member);
const lookups = new Lookups(new Map(members.map((each) => [each.account.tokenFile, each])), undefined);

function directory(problem: AppError) {
  return {
    lookup: (sender: string) => lookups.bySender(sender, problem),
    lookupServer: (server: { host: string }) => lookups.byServer(server, problem),
    upstreams: [],
  };
}

describe('while the database is away', () => {
  it('a sender that nobody is known for is deferred, even where it would be refused', () => {
    const settings = { unknownSender: 'reject' } as Parameters<typeof accountFor>[2]['settings'];
    const port = { settings: {} } as Parameters<typeof accountFor>[2]['port'];
    expect(
      accountFor('x@y.example', undefined, { directory: directory(away), port, settings }),
    ).toMatchObject({
      refusal: { code: 454, lines: [expect.stringMatching(/database.*try again later/)] },
      cause: away,
    });
  });

  it('the account of a login that is not known is no reason to deny it another', () => {
    const settings: ListenerAuthSettings = {
      ...{ required: true, accountBy: 'both', upstreamToken: 'stored', loginSenders: new Map() },
    };
    const identity = { user: 'new@y.example', senders: undefined, accounts: undefined, token: undefined };
    expect(accessOf('a@b.example', identity, settings, directory(away)).kind).toBe('none');
  });

  it('Postfix is told to wait, whether it asks by sender or by server', async () => {
    for (const key of ['x@y.example', '[smtp.example]:587'])
      expect((await answerTo(key, directory(away))).reply).toEqual({
        kind: 'temp',
        reason: 'the database of the accounts cannot be used now',
      });
  });
});
