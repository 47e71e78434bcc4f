/** What a connection is made of, asked of resolveAccount as everyone else asks. */
import { describe, expect, it } from 'vitest';
import type { TokenFileOverrides } from '../../src/accounts/account.js';
import { Secret } from '../../src/core/secret.js';
import { problem, usable } from './resolved.js';

const google = 'https://accounts.google.com/o/oauth2/token';
const microsoft = 'https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token';

describe('the provider', () => {
  const choice = (json: object, overrides: TokenFileOverrides = {}) => {
    const { provider, client, submission } = usable(json, { overrides });
    return [provider.name, client.tokenEndpoint.href, submission.smtp.host];
  };

  it("is sasl-xoauth2's default, Gmail, when nothing names an endpoint", () => {
    expect(choice({})).toEqual(['gmail', google, 'smtp.gmail.com']);
  });

  it('is known by the endpoint of the file, else the account, else the top level', () => {
    const accounts = { 'a@b.example': { token_endpoint: microsoft } };
    expect(choice({ token_endpoint: microsoft })).toEqual(['outlook', microsoft, 'smtp.office365.com']);
    expect(choice({ token_endpoint: google, accounts })).toEqual([
      'outlook',
      microsoft,
      'smtp.office365.com',
    ]);
    expect(choice({ accounts }, { tokenEndpoint: google })).toEqual(['gmail', google, 'smtp.gmail.com']);
  });

  it('is an own one before a preset when their endpoints are the same', () => {
    const providers = { corp: { token_endpoint: microsoft, smtp: { host: 'smtp.corp.example' } } };
    expect(choice({ providers, token_endpoint: microsoft })).toEqual([
      'corp',
      microsoft,
      'smtp.corp.example',
    ]);
    const cloud = { ...providers.corp, token_endpoint: microsoft.replace('.com', '.us') };
    expect(choice({ providers: { cloud, ...providers }, token_endpoint: microsoft })[0]).toBe('corp');
    const other = microsoft.replace('contoso', 'fabrikam');
    expect(choice({ providers, token_endpoint: other })).toEqual(['outlook', other, 'smtp.office365.com']);
  });

  it('named like a preset changes fields of that preset', () => {
    const providers = { gmail: { smtp: { host: 'smtp-relay.gmail.com' } } };
    expect(choice({ providers })).toEqual(['gmail', google, 'smtp-relay.gmail.com']);
    const moved = { gmail: { token_endpoint: 'http://127.0.0.1:9/t' } };
    expect(choice({ providers: moved, token_endpoint: google })[1]).toBe('http://127.0.0.1:9/t');
  });

  it("chosen by name brings its endpoint, whatever other service's the top level has", () => {
    const accounts = { 'a@b.example': { provider: 'outlook' } };
    expect(choice({ accounts, token_endpoint: google })[1]).toContain('login.microsoftonline.com/consumers');
    expect(choice({ accounts }, { tokenEndpoint: microsoft })[1]).toBe(microsoft);
  });

  it("chosen by name keeps the top level's endpoint when it is of the same service", () => {
    const hve = { accounts: { 'a@b.example': { provider: 'hve' } }, token_endpoint: microsoft };
    expect(choice(hve)).toEqual(['hve', microsoft, 'smtp-hve.office365.com']);
  });

  it("of one's own needs a token endpoint", () => {
    const json = {
      client_id: 'id',
      providers: { corp: {} },
      accounts: { 'a@b.example': { provider: 'corp' } },
    };
    expect(problem(json)).toMatchObject({ code: 'account-incomplete', publicDetail: 'token_endpoint' });
    expect(problem(json).hint).toContain('provider "corp"');
    const smtp = { corp: { smtp: { host: 'smtp.corp.example' } } };
    const endpoint = 'https://login.corp.example/token';
    expect(choice({ ...json, providers: smtp, token_endpoint: endpoint })).toEqual([
      'corp',
      endpoint,
      'smtp.corp.example',
    ]);
  });

  it('that nothing is known of needs an SMTP server', () => {
    const json = { client_id: 'id', token_endpoint: 'https://login.corp.example/token' };
    const error = problem(json);
    expect(error).toMatchObject({ code: 'account-incomplete', publicDetail: 'smtp' });
    expect(error.message).toContain('none is known for https://login.corp.example');
    expect(error.hint).toMatch(/"smtp": .* \/etc\/mailbearer\/config\.json/);
    const accounts = { 'a@b.example': { smtp: { host: 'smtp.corp.example' } } };
    expect(usable({ ...json, accounts }).submission.smtp).toEqual({
      host: 'smtp.corp.example',
      port: 587,
      tls: 'starttls',
    });
  });

  it('gives the mechanism unless the account does', () => {
    const providers = { gmail: { mechanism: 'oauthbearer' } };
    expect(usable({ providers }).submission.mechanism).toBe('oauthbearer');
    expect(
      usable({ providers, accounts: { 'a@b.example': { mechanism: 'XOAUTH2' } } }).submission.mechanism,
    ).toBe('xoauth2');
  });
});

describe('each client setting', () => {
  const levels = {
    client_id: 'top',
    client_secret: 'top',
    proxy: 'http://top.example',
    ca_bundle_file: '/top',
    providers: {
      gmail: {
        client_id: 'entry',
        client_secret: 'entry',
        proxy: 'http://entry.example',
        ca_bundle_file: '/entry',
      },
    },
    accounts: {
      'a@b.example': {
        client_id: 'own',
        client_secret: 'own',
        proxy: 'own.example:1',
        ca_bundle_file: '/own',
      },
    },
  };
  const said = (json: object, overrides?: TokenFileOverrides) => {
    const { clientId, clientSecret, proxy, caBundleFile } = usable(json, { overrides }).client;
    return [clientId, clientSecret.reveal(), proxy?.host, caBundleFile];
  };

  it('is taken from file, account, provider entry, top level, in this order', () => {
    const file = {
      clientId: 'file',
      clientSecret: new Secret('file'),
      proxy: 'http://file.example',
      caBundleFile: '/file',
    };
    expect(said(levels, file)).toEqual(['file', 'file', 'file.example', '/file']);
    expect(said(levels)).toEqual(['own', 'own', 'own.example:1', '/own']);
    expect(said({ ...levels, accounts: {} })).toEqual(['entry', 'entry', 'entry.example', '/entry']);
    expect(said({ ...levels, accounts: {}, providers: {} })).toEqual(['top', 'top', 'top.example', '/top']);
  });

  it('is overridden by an empty one in the file', () => {
    const empty = { clientSecret: new Secret(''), proxy: '', caBundleFile: '' };
    expect(said(levels, empty)).toEqual(['own', '', undefined, undefined]);
  });

  it('has a default, but for the client id', () => {
    expect(said({})).toEqual(['id', '', undefined, undefined]);
    const error = problem({});
    expect(error).toMatchObject({ code: 'account-incomplete', publicDetail: 'client_id' });
    expect(error.hint).toContain('"client_id" to /etc/tokens/a@b.example');
  });

  it('drops the inherited trust source when the other kind is named', () => {
    const trust = (json: object, overrides: TokenFileOverrides) => {
      const { caBundleFile, caCertsDir } = usable(json, { overrides }).client;
      return [caBundleFile, caCertsDir];
    };
    expect(trust(levels, { caCertsDir: '/certs' })).toEqual([undefined, '/certs']);
    expect(trust({ ca_certs_dir: '/certs' }, { caBundleFile: '/pem' })).toEqual(['/pem', undefined]);
    expect(trust({ ca_certs_dir: '/certs' }, { caBundleFile: '' })).toEqual([undefined, '/certs']);
  });

  it.each([
    [{ clientId: '' }, 'client_id', /has no client_id/],
    [{ clientId: 'CLIENT_ID_GOES_HERE' }, 'client_id', /placeholder/],
    [{ tokenEndpoint: '' }, 'token_endpoint', /wrong token_endpoint: expected a URL/],
    [{ tokenEndpoint: 'http://login.example/token' }, 'token_endpoint', /only https/],
    [{ proxy: 'socks5://u:hunter2@p.example' }, 'proxy', /^(?!.*hunter2).*socks5 proxies are not supported/],
    [{ caBundleFile: '/a', caCertsDir: '/b' }, 'ca_certs_dir', /has both/],
  ])('that is wrong in the file breaks the account: %j', (overrides, key, message) => {
    const error = problem({ client_id: 'id' }, { overrides });
    expect(error).toMatchObject({ code: 'account-incomplete', publicDetail: key });
    expect(error.message).toMatch(message);
    expect(error.message).toContain('/etc/tokens/a@b.example');
    expect(error.hint).toContain('/etc/tokens/a@b.example');
  });
});

describe('the refresh window', () => {
  const hve = { accounts: { 'a@b.example': { provider: 'hve' } } };
  const window = (json: object, refreshWindowSeconds?: number) =>
    usable(json, { overrides: { refreshWindowSeconds } }).refreshWindowSeconds;

  it("is the provider's unless configured", () => {
    expect(window({})).toBe(600);
    expect(window(hve)).toBe(900);
  });

  it("is raised to the provider's minimum", () => {
    expect(window({ refresh_window: 10 })).toBe(300);
    expect(window({ ...hve, refresh_window: 600 })).toBe(660);
    expect(window({ refresh_window: '20m' })).toBe(1200);
  });

  it('is taken from file, account, provider entry, top level, in this order, zero being unset', () => {
    const providers = { gmail: { refresh_window: 2000 } };
    const accounts = { 'a@b.example': { refresh_window: 3000 } };
    expect(window({ refresh_window: 1000, providers, accounts }, 4000)).toBe(4000);
    expect(window({ refresh_window: 1000, providers, accounts })).toBe(3000);
    expect(
      window({ refresh_window: 1000, providers, accounts: { 'a@b.example': { refresh_window: '0' } } }),
    ).toBe(2000);
    expect(window({ refresh_window: 1000 })).toBe(1000);
  });
});

it('TLS is not given up by combining a server with "none" from elsewhere', () => {
  const providers = { gmail: { smtp: { tls: 'none' } } };
  const error = problem({ client_id: 'id', providers });
  expect(error).toMatchObject({ code: 'account-incomplete', publicDetail: 'smtp' });
  expect(error.message).toContain('would send tokens to smtp.gmail.com in clear');
  const accounts = { 'a@b.example': { smtp: { host: '127.0.0.1', port: 2526 } } };
  expect(usable({ providers, accounts }).submission.smtp).toEqual({
    host: '127.0.0.1',
    port: 2526,
    tls: 'none',
  });
});
