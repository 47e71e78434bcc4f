import { describe, expect, test } from 'vitest';
import { resolveAccount } from '../../src/accounts/resolve.js';
import { findSignInSettings, type SignInQuestion } from '../../src/cli/sign-in-settings.js';
import { parseConfig } from '../../src/config/parse.js';
import { Secret } from '../../src/core/secret.js';

function settings(config: object, question: Partial<SignInQuestion> = {}) {
  return findSignInSettings(parseConfig(config, '/etc/mailbearer/config.json').config, {
    provider: 'outlook',
    tenant: undefined,
    clientId: undefined,
    tokenFile: '/etc/tokens/a@corp.example',
    existing: undefined,
    ...question,
  });
}

const microsoft = (tenant: string) => `https://login.microsoftonline.com/${tenant}/oauth2/v2.0`;

describe('the Microsoft tenant of a sign-in', () => {
  test("is the preset's, for personal accounts, when nothing else is said", () => {
    expect(settings({}).tokenEndpoint.href).toBe(`${microsoft('consumers')}/token`);
  });

  test('is the one of --tenant, at all three endpoints', () => {
    const { provider, tokenEndpoint } = settings({}, { tenant: 'corp.example' });
    expect(tokenEndpoint.href).toBe(`${microsoft('corp.example')}/token`);
    expect(provider.authorizationEndpoint).toBe(`${microsoft('corp.example')}/authorize`);
    expect(provider.deviceAuthorizationEndpoint).toBe(`${microsoft('corp.example')}/devicecode`);
  });

  test('stays the one of the file that is replaced, so that signing in again needs no flag', () => {
    const existing = { tokenEndpoint: `${microsoft('corp.example')}/token` };
    expect(settings({}, { existing }).provider.authorizationEndpoint).toBe(
      `${microsoft('corp.example')}/authorize`,
    );
    expect(settings({}, { existing, tenant: 'other' }).tokenEndpoint.href).toBe(
      `${microsoft('other')}/token`,
    );
  });

  test('comes from the token_endpoint of a sasl-xoauth2.conf, for Outlook but not for Gmail', () => {
    const config = { token_endpoint: `${microsoft('corp.example')}/token` };
    expect(settings(config).provider.deviceAuthorizationEndpoint).toBe(
      `${microsoft('corp.example')}/devicecode`,
    );
    expect(settings(config, { provider: 'gmail' }).tokenEndpoint.href).toBe(
      'https://oauth2.googleapis.com/token',
    );
  });

  test('is not taken from an endpoint of another provider, nor from one that is damaged', () => {
    for (const tokenEndpoint of ['https://oauth2.googleapis.com/token', 'nonsense', ''])
      expect(settings({}, { existing: { tokenEndpoint } }).tokenEndpoint.href).toBe(
        `${microsoft('consumers')}/token`,
      );
  });

  test('is refused for a provider that has none', () => {
    expect(() => settings({}, { provider: 'gmail', tenant: 'x' })).toThrow('--tenant is for Microsoft');
  });
});

test('the tenant of microsoft365 is any organization, unless one is named', () => {
  expect(settings({}, { provider: 'microsoft365' }).tokenEndpoint.href).toBe(
    `${microsoft('organizations')}/token`,
  );
  expect(settings({}, { provider: 'microsoft365', tenant: 'corp.example' }).tokenEndpoint.href).toBe(
    `${microsoft('corp.example')}/token`,
  );
});

describe('the client of a sign-in', () => {
  const config = {
    client_id: 'top',
    client_secret: 'top secret',
    providers: { outlook: { client_id: 'of the provider', client_secret: 'provider secret' } },
    accounts: { 'a@corp.example': { client_id: 'of the account' } },
  };

  test('is that of the file, else of the account, else of the provider, else of the top level', () => {
    expect(settings(config, { existing: { clientId: 'of the file' } }).clientId).toBe('of the file');
    expect(settings(config).clientId).toBe('of the account');
    expect(settings(config, { tokenFile: '/etc/tokens/b@corp.example' }).clientId).toBe('of the provider');
    expect(settings(config, { tokenFile: undefined }).clientId).toBe('of the provider');
    expect(settings(config, { provider: 'gmail', tokenFile: undefined }).clientId).toBe('top');
  });

  test("never gets another client's secret", () => {
    expect(settings(config, { tokenFile: undefined }).clientSecret?.reveal()).toBe('provider secret');
    expect(settings(config, { tokenFile: undefined, clientId: 'typed' }).clientSecret).toBeUndefined();
    const existing = { clientId: 'old', clientSecret: new Secret('old secret') };
    expect(settings(config, { existing }).clientSecret?.reveal()).toBe('old secret');
    expect(settings(config, { existing, clientId: 'new' }).clientSecret).toBeUndefined();
  });
});

test('an account that is configured for another provider is refused, and the command that fits is named', () => {
  const config = { accounts: { 'a@corp.example': { provider: 'gmail' } } };
  expect(() => settings(config)).toThrow('account a@corp.example is configured for gmail, not for outlook');
});

test('a provider of the configuration without a token endpoint is refused, and the key is named', () => {
  expect(() => settings({ providers: { corp: {} } }, { provider: 'corp' })).toThrow(
    expect.objectContaining({
      hint: 'add providers.corp.token_endpoint to the configuration',
    }) as Error,
  );
});

test('proxy and authorities are the ones that a refresh will use', () => {
  const { connection } = settings({
    proxy: 'http://proxy.example:3128',
    ca_bundle_file: '/etc/ssl/corp.pem',
  });
  expect(connection).toEqual({
    proxy: new URL('http://proxy.example:3128'),
    caBundleFile: '/etc/ssl/corp.pem',
    caCertsDir: undefined,
  });
});

describe('the cloud of a sign-in', () => {
  test.each([
    [
      'usgov',
      'login.microsoftonline.us',
      'https://outlook.office365.us/SMTP.Send offline_access',
      'smtp.office365.us',
    ],
    [
      'usgov-dod',
      'login.microsoftonline.us',
      'https://outlook.office365.us/SMTP.Send offline_access',
      'smtp.office365.us',
    ],
    [
      'china',
      'login.partner.microsoftonline.cn',
      'https://partner.outlook.cn/SMTP.Send offline_access',
      'smtp.partner.outlook.cn',
    ],
    [
      'public',
      'login.microsoftonline.com',
      'https://outlook.office.com/SMTP.Send offline_access',
      'smtp.office365.com',
    ],
  ] as const)('%s has its own service, scope and server', (cloud, login, scope, host) => {
    const { provider, tokenEndpoint } = settings({}, { cloud, tenant: 'corp.example' });
    expect(tokenEndpoint.href).toBe(`https://${login}/corp.example/oauth2/v2.0/token`);
    expect(provider).toMatchObject({
      authorizationEndpoint: `https://${login}/corp.example/oauth2/v2.0/authorize`,
      deviceAuthorizationEndpoint: `https://${login}/corp.example/oauth2/v2.0/devicecode`,
      pasteRedirectUri: `https://${login}/common/oauth2/nativeclient`,
      scope,
      smtp: { host },
    });
  });

  test('may be at another address, as --login-base says', () => {
    const { provider, tokenEndpoint } = settings({}, { loginBase: 'https://login.corp.example/' });
    expect(tokenEndpoint.href).toBe('https://login.corp.example/consumers/oauth2/v2.0/token');
    expect(provider.pasteRedirectUri).toBe('https://login.corp.example/common/oauth2/nativeclient');
    expect(() => settings({}, { loginBase: 'http://login.corp.example' })).toThrow(
      /--login-base: plain http/,
    );
  });

  test.each([
    ['gmail', 'china', /--cloud china is for microsoft365 and outlook, not for gmail/],
    ['hve', 'usgov', /not for hve/],
    ['outlook-personal', 'china', /not for outlook-personal/],
  ] as const)('is refused for %s in %s', (provider, cloud, why) => {
    expect(() => settings({}, { provider, cloud })).toThrow(why);
  });

  test('may be said for every provider of Microsoft’s where there is one', () => {
    for (const provider of ['hve', 'outlook-personal', 'microsoft365'])
      expect(settings({}, { provider, cloud: 'public' }).provider.name).toBe(provider);
    expect(settings({}, { provider: 'microsoft365', cloud: 'china' }).provider.name).toBe('outlook-china');
    const { tokenEndpoint } = settings({}, { provider: 'hve', loginBase: 'https://login.corp.example' });
    expect(tokenEndpoint.href).toBe('https://login.corp.example/organizations/oauth2/v2.0/token');
    expect(() => settings({}, { provider: 'gmail', loginBase: 'https://login.corp.example' })).toThrow(
      /--login-base is for Microsoft/,
    );
  });

  test('is known again by the token endpoint in the file', () => {
    const { config } = parseConfig({ client_id: 'id' }, undefined);
    const account = resolveAccount(config, {
      tokenFile: '/etc/tokens/a@corp.example',
      overrides: { tokenEndpoint: 'https://login.partner.microsoftonline.cn/corp.example/oauth2/v2.0/token' },
    });
    expect(account).toMatchObject({ provider: { name: 'outlook-china' } });
  });
});
