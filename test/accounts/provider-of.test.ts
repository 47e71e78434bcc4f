import { describe, expect, it } from 'vitest';
import { applySettings, clientSettingsOf, resolveProvider } from '../../src/accounts/provider-of.js';
import { parseConfig } from '../../src/config/parse.js';
import { gmail, outlook, unknownProvider } from '../../src/providers/index.js';

const configOf = (json: object) => parseConfig(json, undefined).config;

describe('a provider by name', () => {
  it('is the preset itself when nothing changes it', () => {
    expect(resolveProvider(configOf({}), 'gmail')).toBe(gmail);
  });

  it('keeps what an entry of that name does not change', () => {
    const config = configOf({ providers: { outlook: { smtp: { host: 'smtp-mail.outlook.com' } } } });
    expect(resolveProvider(config, 'outlook')).toEqual({
      ...outlook,
      smtp: { host: 'smtp-mail.outlook.com', port: 587, tls: 'starttls' },
    });
  });

  it('does not show tokens to its service that come from elsewhere', () => {
    const { userinfoEndpoint, revocationEndpoint, revokeByHand } = gmail;
    const at = (token_endpoint: string, more: object = {}) =>
      resolveProvider(configOf({ providers: { gmail: { token_endpoint, ...more } } }), 'gmail');
    expect(at('https://www.googleapis.com/oauth2/v4/token')).toMatchObject({
      userinfoEndpoint,
      revocationEndpoint,
      revokeByHand,
    });
    expect(at('https://login.corp.example/token')).toMatchObject({
      userinfoEndpoint: undefined,
      revocationEndpoint: undefined,
      revokeByHand: undefined,
    });
    const revocation_endpoint = 'https://login.corp.example/revoke';
    expect(at('https://login.corp.example/token', { revocation_endpoint })).toMatchObject({
      revocationEndpoint: revocation_endpoint,
    });
  });

  it('is one that nothing is known of, with the fields of its entry', () => {
    const config = configOf({ providers: { corp: { token_endpoint: 'https://login.corp.example/token' } } });
    expect(resolveProvider(config, 'corp')).toEqual({
      ...unknownProvider,
      name: 'corp',
      title: 'corp',
      tokenEndpoint: 'https://login.corp.example/token',
    });
  });

  it('that is unknown is an error that lists the known ones', () => {
    expect(() => resolveProvider(configOf({ providers: { corp: {} } }), 'gmial')).toThrow(
      expect.objectContaining({
        code: 'config-invalid',
        message: 'no provider is called "gmial"; did you mean "gmail"?',
        hint: expect.stringMatching(/gmail, hve, .*outlook, .*, corp/),
      }),
    );
  });

  it('has the client settings of its entry, else of the top level', () => {
    const config = configOf({
      client_id: 'top',
      proxy: 'http://p.example',
      providers: { corp: { client_id: 'own' } },
    });
    expect(clientSettingsOf(config, 'corp')).toMatchObject({ clientId: 'own', proxy: 'http://p.example' });
    expect(clientSettingsOf(config, 'gmail')).toMatchObject({ clientId: 'top' });
  });
});

describe('a client secret', () => {
  it('stays with its client id', () => {
    const config = configOf({
      client_id: 'top',
      client_secret: 'secret-of-top',
      providers: { same: { client_id: 'top' }, other: { client_id: 'other' } },
    });
    expect(clientSettingsOf(config, 'same').clientSecret?.reveal()).toBe('secret-of-top');
    expect(clientSettingsOf(config, 'other').clientSecret).toBeUndefined();
    expect(clientSettingsOf(config, 'gmail').clientSecret?.reveal()).toBe('secret-of-top');
  });
});

describe('a configured scope', () => {
  it('is sent with refreshes, without openid, where the provider wants one', () => {
    expect(applySettings(outlook, { scope: 'openid  smtp offline_access' })).toMatchObject({
      scope: 'openid  smtp offline_access',
      refreshScope: 'smtp offline_access',
    });
    expect(applySettings(outlook, { scope: 'openid' }).refreshScope).toBeUndefined();
    expect(applySettings(outlook, {}).refreshScope).toBe(outlook.refreshScope);
    expect(applySettings(unknownProvider, { scope: 'smtp' }).refreshScope).toBeUndefined();
  });

  it("with offline_access asks one's own provider for consent, without which that is dropped", () => {
    const { config } = parseConfig(
      { providers: { corp: { scope: 'smtp offline_access' }, dex: { scope: 'smtp' } } },
      undefined,
    );
    expect(resolveProvider(config, 'corp').authorizationParameters).toEqual({ prompt: 'consent' });
    expect(resolveProvider(config, 'dex').authorizationParameters).toEqual({});
  });
});

describe('port and TLS mode', () => {
  it.each([
    [{ host: 's.example' }, { port: 587, tls: 'starttls' }],
    [
      { host: 's.example', port: 465 },
      { port: 465, tls: 'implicit' },
    ],
    [
      { host: 's.example', tls: 'implicit' },
      { port: 465, tls: 'implicit' },
    ],
    [
      { host: 's.example', port: 2525 },
      { port: 2525, tls: 'starttls' },
    ],
    [
      { host: 's.example', port: 465, tls: 'starttls' },
      { port: 465, tls: 'starttls' },
    ],
  ] as const)('of a new server %j go together', (smtp, expected) => {
    expect(applySettings(unknownProvider, { smtp }).smtp).toEqual({ host: 's.example', ...expected });
  });

  it.each([
    [{ port: 465 }, { port: 465, tls: 'implicit' }],
    [{ tls: 'implicit' }, { port: 465, tls: 'implicit' }],
    [{ host: 'smtp.gmail.com' }, { port: 587, tls: 'starttls' }],
  ] as const)('of a preset changed by %j go together', (smtp, expected) => {
    expect(applySettings(gmail, { smtp }).smtp).toEqual({ host: 'smtp.gmail.com', ...expected });
  });

  it('without a host make no server', () => {
    expect(applySettings(unknownProvider, { smtp: { port: 587 } }).smtp).toBeUndefined();
  });
});
