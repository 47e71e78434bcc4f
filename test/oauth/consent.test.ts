/** Where a person is sent to, for accounts as they stand in a token file. */
import { describe, expect, it } from 'vitest';
import { applySettings } from '../../src/accounts/provider-of.js';
import { consentScope, providerForSignIn } from '../../src/oauth/consent.js';
import { presets } from '../../src/providers/index.js';
import { unknownProvider } from '../../src/providers/provider.js';
import { testAccount } from '../support/token-files.js';

const outlook = presets.get('outlook')!;
const account = (tokenEndpoint: string, provider = outlook) => {
  const { client } = testAccount('/etc/tokens/me@corp.example');
  return { client: { ...client, tokenEndpoint: new URL(tokenEndpoint) }, provider };
};

describe('where a person signs in', () => {
  it('is at the tenant that the token endpoint names', async () => {
    const base = 'https://login.microsoftonline.com/corp.example/oauth2/v2.0';
    const { authorizationEndpoint } = await providerForSignIn(account(`${base}/token`), {});
    expect(authorizationEndpoint).toBe(`${base}/authorize`);
  });

  it('is where the configuration says, for a service that is not the provider’s usual one', async () => {
    const own = applySettings(outlook, {
      authorizationEndpoint: 'https://login.corp.example/authorize',
      tokenEndpoint: 'https://login.corp.example/token',
    });
    const found = await providerForSignIn(account('https://login.corp.example/token', own), {});
    expect(found.authorizationEndpoint).toBe('https://login.corp.example/authorize');
  });

  it('is nowhere when nothing says it, and the error names the key', async () => {
    const nobody = account('https://login.corp.example/token', unknownProvider);
    await expect(providerForSignIn(nobody, {})).rejects.toMatchObject({
      code: 'account-incomplete',
      hint: 'add providers.other.authorization_endpoint to the configuration',
    });
  });
});

describe('what is asked for', () => {
  it('is the scope, and who it is, each word once', () => {
    expect(
      consentScope({ ...unknownProvider, scope: 'openid mail', identityScope: 'openid email' }, undefined),
    ).toBe('openid email mail');
    expect(consentScope(unknownProvider, undefined)).toBeUndefined();
  });
});
