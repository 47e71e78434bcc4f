import { describe, expect, it } from 'vitest';
import type { AnyAccount } from '../../src/accounts/account.js';
import { indexServers } from '../../src/accounts/upstreams.js';
import { AppError } from '../../src/core/errors.js';
import { usable } from './resolved.js';

const account = usable({});
const at = (name: string, host: string, port: number): AnyAccount => ({
  ...account,
  name,
  submission: { user: name, mechanism: undefined, smtp: { host, port, tls: 'starttls' } },
});
const broken = (name: string, smtp?: { host: string; port: number; tls: 'starttls' }): AnyAccount => ({
  name,
  tokenFile: `/etc/tokens/${name}`,
  senders: [],
  smtp,
  problem: new AppError('token-missing', 'gone'),
});

describe('the accounts at a server', () => {
  const known = [at('a', 'smtp.one.example', 587), at('b', 'SMTP.one.example', 465), at('c', '::1', 25)];
  const names = (accounts: readonly AnyAccount[]) => accounts.map(({ name }) => name);

  it.each([
    ['smtp.ONE.example', undefined, ['a', 'b']],
    ['smtp.one.example', 587, ['a']],
    ['smtp.one.example', 465, ['b']],
    ['smtp.one.example', 25, []],
    ['::1', undefined, ['c']],
    ['::1:25', undefined, []],
    ['elsewhere.example', undefined, []],
  ])('are found at %s, port %s', (host, port, expected) => {
    expect(names(indexServers(known)({ host, port }))).toEqual(expected);
  });

  it('include a broken one at its server, and at all where its server is not known', () => {
    const its = broken('its', { host: 'smtp.one.example', port: 587, tls: 'starttls' });
    const find = indexServers([broken('any'), ...known, its]);
    expect(names(find({ host: 'smtp.one.example', port: 587 }))).toEqual(['a', 'its', 'any']);
    expect(names(find({ host: '::1' }))).toEqual(['c', 'any']);
    expect(names(find({ host: 'elsewhere.example' }))).toEqual(['any']);
  });

  it('lack one that mail cannot be submitted as', () => {
    const { host } = account.submission.smtp;
    expect(indexServers([account])({ host })).toEqual([account]);
    const kept = { ...account, submission: new AppError('account-incomplete', 'no login name') };
    expect(indexServers([kept])({ host })).toEqual([]);
  });
});
