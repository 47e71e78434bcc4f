/** Tokens of a real OpenID provider: opaque ones by introspection and userinfo, JWTs by its JWKS. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenIdProvider, signIn, startOpenIdProvider } from '../../examples/demo/openid-provider.js';
import { createLoopbackLogin } from '../../src/oauth/login-loopback.js';
import { oauthClient } from '../support/token-endpoint.js';
import { checksUnderTest } from './checks-under-test.js';

const bob = { sub: '10769150350006150715113082367', email: 'bob@example.test' };
const made = 'made-up-token';
const invalid = 'refused: {"status":"invalid_token"}';

async function signedIn(provider: OpenIdProvider): Promise<string> {
  const login = await createLoopbackLogin({
    client: oauthClient(new URL(provider.tokenEndpoint), { clientId: provider.clientId }),
    scope: 'openid email smtp offline_access',
    authorizationEndpoint: new URL(provider.authorizationEndpoint),
    authorizationParameters: {},
  });
  await signIn(login.authorizationUrl, { login: bob.email });
  const { accessToken } = await login.result;
  await login.close();
  return accessToken.reveal();
}

describe('an opaque token', () => {
  let provider: OpenIdProvider;
  let token: string;
  beforeAll(async () => {
    provider = await startOpenIdProvider({ accounts: [bob], userinfo: true });
    token = await signedIn(provider);
  });
  afterAll(() => provider.close());

  it('is taken after introspection with id and secret in the URL, as in the manuals for Dovecot', async () => {
    const { clientId, clientSecret } = provider.mailServer;
    const url = provider.introspectionEndpoint.replace('://', `://${clientId}:${clientSecret}@`);
    const oauth2 = {
      introspection_mode: 'post',
      introspection_url: url,
      username_attribute: 'username',
      active_attribute: 'active',
      active_value: 'true',
      scope: 'smtp',
    };
    const checks = checksUnderTest(oauth2);
    expect(await checks.token(token, bob.email)).toBe(bob.email);
    expect(await checks.token(token, 'alice@example.test')).toContain('invalid_token');
    expect(await checks.token(made, bob.email)).toContain('invalid_token');
    const strict = checksUnderTest({ ...oauth2, scope: 'admin' });
    expect(await strict.token(token, bob.email)).toContain('insufficient_scope');
    const stranger = checksUnderTest({ ...oauth2, introspection_url: url.replace(clientSecret, 'wrong') });
    expect(await stranger.token(token, bob.email)).toMatch(/^unavailable: 454 introspection_url: .* HTTP 40/);
  });

  it('is taken by client_id and client_secret, too', async () => {
    const { clientId: client_id, clientSecret: client_secret } = provider.mailServer;
    const introspection_url = provider.introspectionEndpoint;
    const checks = checksUnderTest({
      introspection_mode: 'post',
      introspection_url,
      client_id,
      client_secret,
    });
    expect(await checks.token(token, bob.email)).toBe(bob.email);
  });

  it('is taken by userinfo, as docker-mailserver asks', async () => {
    const discovery = await fetch(`${provider.issuer}/.well-known/openid-configuration`);
    const { userinfo_endpoint } = (await discovery.json()) as Record<string, string>;
    const checks = checksUnderTest({ introspection_url: userinfo_endpoint });
    expect(await checks.token(token, bob.email)).toBe(bob.email);
    expect(await checks.token(made, bob.email)).toBe(invalid);
  });
});

describe('a JWT', () => {
  let server: Server;
  let issuer: string;
  beforeAll(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const provider = new Provider(issuer, {
      scopes: ['smtp'],
      clients: [
        {
          client_id: 'device',
          client_secret: 'secret',
          redirect_uris: [],
          response_types: [],
          grant_types: ['client_credentials'],
          scope: 'smtp',
        },
      ],
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: () => ({ scope: 'smtp', audience: 'mail', accessTokenFormat: 'jwt' }),
        },
      },
      extraTokenClaims: () => ({ email: bob.email }),
    });
    const handle = provider.callback();
    server.on('request', (request, response) => void handle(request, response));
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });

  it('is taken by the keys that the provider publishes', async () => {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('device:secret')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'smtp', resource: 'urn:mail' }),
    });
    const { access_token: token = '' } = (await response.json()) as Record<string, string>;
    expect(token.split('.')).toHaveLength(3);
    const oauth2 = { introspection_mode: 'local', jwks_url: `${issuer}/jwks`, issuers: issuer };
    const checks = checksUnderTest({ ...oauth2, client_id: 'mail', scope: 'smtp' });
    expect(await checks.token(token, bob.email)).toBe(bob.email);
    expect(await checks.token(token, 'alice@example.test')).toContain('invalid_token');
    const changed = token.replace(/\.(.)/, (_, first) => `.${first === 'a' ? 'b' : 'a'}`);
    expect(await checks.token(changed, bob.email)).toContain('invalid_token');
    for (const strict of [{ client_id: 'chat' }, { client_id: 'mail', issuers: 'https://idp.example' }])
      expect(await checksUnderTest({ ...oauth2, ...strict }).token(token, bob.email)).toBe(invalid);
  });
});
