/** Tokens of a real OpenID provider: opaque ones by introspection and userinfo, JWTs by its JWKS. */
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
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

describe('a token for the mail server alone', () => {
  /** JWTs here, other tokens by introspection, as a port has it that takes both. */
  const settings = ({ introspectionEndpoint, issuer, mailServer }: OpenIdProvider) => ({
    introspection_mode: 'local',
    introspection_url: introspectionEndpoint.replace(
      '://',
      `://${mailServer.clientId}:${mailServer.clientSecret}@`,
    ),
    jwks_url: `${issuer}/jwks`,
    issuers: issuer,
    client_id: 'mail',
    scope: 'smtp',
  });

  async function scene(mailTokens: 'opaque' | 'jwt') {
    const provider = await startOpenIdProvider({ accounts: [bob], mailTokens });
    closers.push(provider.close);
    const token = await signedIn(provider);
    provider.requests.length = 0;
    return { provider, token, oauth2: settings(provider) };
  }
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  const asked = ({ requests }: OpenIdProvider) => requests.map(({ endpoint }) => endpoint);

  it('that is a JWT (RFC 9068) is taken by the keys that the provider publishes, and shown to nobody', async () => {
    const { oauth2, provider, token } = await scene('jwt');
    const { alg, typ } = decodeProtectedHeader(token);
    expect([typ, alg]).toEqual(['at+jwt', 'ES256']);
    expect(decodeJwt(token)).toMatchObject({ aud: 'mail', sub: bob.sub, scope: 'smtp', email: bob.email });
    const checks = checksUnderTest(oauth2);
    expect(await checks.token(token, bob.email)).toBe(bob.email);
    expect(await checks.token(token, 'alice@example.test')).toContain('invalid_token');
    const changed = token.replace(/\.(.)/, (_, first) => `.${first === 'a' ? 'b' : 'a'}`);
    expect(await checks.token(changed, bob.email)).toContain('invalid_token');
    expect(await checksUnderTest({ ...oauth2, username_attribute: 'sub' }).token(token, bob.sub)).toBe(
      bob.sub,
    );
    for (const strict of [{ client_id: 'chat' }, { issuers: 'https://idp.example' }])
      expect(await checksUnderTest({ ...oauth2, ...strict }).token(token, bob.email)).toContain(
        'invalid_token',
      );
    const wider = checksUnderTest({ ...oauth2, scope: 'admin' });
    expect(await wider.token(token, bob.email)).toContain('insufficient_scope');
    expect(asked(provider)).not.toContain('introspection');
  });

  it('that is opaque is taken by introspection at the same port', async () => {
    const { oauth2, provider, token } = await scene('opaque');
    expect(token).not.toContain('.');
    const checks = checksUnderTest(oauth2);
    expect(await checks.token(token, bob.email)).toBe(bob.email);
    expect(await checks.token(made, bob.email)).toContain('invalid_token');
    expect(asked(provider)).toEqual(['introspection', 'introspection']);
  });

  it('that is a JWT is put off where it can only be introspected, which this provider does not do', async () => {
    const { oauth2, provider, token } = await scene('jwt');
    const { introspection_url, scope } = oauth2;
    const checks = checksUnderTest({ introspection_mode: 'post', introspection_url, scope });
    expect(await checks.token(token, bob.email)).toMatch(
      /^unavailable: 454 introspection_url: .* answers HTTP 400 \(unsupported_token_type\)$/,
    );
    expect(asked(provider)).toEqual(['introspection']);
  });
});
