import { describe, expect, it } from 'vitest';
import { problem, usable } from './resolved.js';

const tenant = 'https://login.microsoftonline.com/corp.example/oauth2/v2.0/token';
const entry = (settings: object) => ({ accounts: { 'a@b.example': settings } });

describe('the grant of an account', () => {
  it('is a refresh token unless something else is said', () => {
    expect(usable({}).grant).toEqual({ kind: 'refresh-token' });
  });

  it('is client credentials with the scope of the provider, or one of its own', () => {
    const app = {
      provider: 'outlook',
      token_endpoint: tenant,
      grant: 'client_credentials',
      client_secret: 's',
    };
    expect(usable(entry(app)).grant).toEqual({
      kind: 'client-credentials',
      scope: 'https://outlook.office365.com/.default',
      certificate: undefined,
    });
    expect(usable(entry({ ...app, scope: 'other' })).grant).toMatchObject({ scope: 'other' });
  });

  it('may stand in the entry of a provider, for all its accounts', () => {
    const { grant } = usable({
      providers: { outlook: { grant: 'client_credentials', certificate_file: '/c.pem', key_file: '/k.pem' } },
      accounts: { 'a@b.example': { provider: 'outlook', token_endpoint: tenant } },
    });
    expect(grant).toMatchObject({ certificate: { certificateFile: '/c.pem', keyFile: '/k.pem' } });
  });

  it('is a service account for the mailbox, without a client id', () => {
    const gmail = { provider: 'gmail', grant: 'service_account', service_account_file: '/key.json' };
    expect(usable({ client_id: '', ...entry(gmail) })).toMatchObject({
      client: { clientId: '' },
      grant: {
        kind: 'service-account',
        keyFile: '/key.json',
        subject: 'a@b.example',
        scope: 'https://mail.google.com/',
      },
    });
  });

  it.each([
    [
      { provider: 'outlook', grant: 'client_credentials', client_secret: 's' },
      'names the tenant "consumers"',
    ],
    [
      { provider: 'outlook', token_endpoint: tenant, grant: 'client_credentials' },
      'neither client_secret nor certificate_file',
    ],
    [
      {
        provider: 'outlook',
        token_endpoint: tenant,
        grant: 'client_credentials',
        certificate_file: '/c.pem',
      },
      'has no key_file',
    ],
    [{ provider: 'gmail', grant: 'service_account' }, 'has no service_account_file'],
    [{ provider: 'gmail', grant: 'command' }, 'has no token_command'],
  ])('that lacks something names it: %j', (settings, message) => {
    const { code, hint, message: said } = problem({ client_id: 'id', ...entry(settings) });
    expect(code).toBe('account-incomplete');
    expect(said).toContain(message);
    expect(hint).toContain('"accounts": { "a@b.example"');
  });
});
