/** Sign-in through the browser, with a real OpenID provider and a person who is played by a program. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type OpenIdProvider, signIn, startOpenIdProvider } from '../../examples/demo/openid-provider.js';
import { createLoopbackLogin, type LoopbackLogin } from '../../src/oauth/login-loopback.js';
import { oauthClient } from '../support/token-endpoint.js';

const alice = { login: 'alice@example.test' };
const logins: LoopbackLogin[] = [];
let provider: OpenIdProvider;

beforeAll(async () => {
  provider = await startOpenIdProvider();
});
afterEach(async () => {
  for (const login of logins.splice(0)) await login.close();
});
afterAll(() => provider.close());

async function start(at: OpenIdProvider = provider): Promise<LoopbackLogin> {
  const login = await createLoopbackLogin({
    client: oauthClient(new URL(at.tokenEndpoint), { clientId: at.clientId }),
    scope: 'smtp offline_access',
    authorizationEndpoint: new URL(at.authorizationEndpoint),
    authorizationParameters: {},
  });
  logins.push(login);
  return login;
}

it('signs in, and the page says so, once the code was exchanged', async () => {
  const login = await start();
  const arrival = await signIn(login.authorizationUrl, alice);
  expect(arrival).toMatchObject({ status: 200, page: expect.stringContaining('Signed in') });
  const tokens = await login.result;
  expect(tokens).toMatchObject({ expiresInSeconds: 3600, lifetimeKnown: true });
  expect(tokens.refreshToken.isEmpty).toBe(false);
  // The provider's answer carries `iss` (RFC 9207) although no issuer is configured.
  expect(arrival.url).toContain('&iss=');
});

it('takes the pasted address when the browser is on another machine', async () => {
  const login = await start();
  const { url } = await signIn(login.authorizationUrl, { ...alice, follow: false });
  login.submitUrl(`  ${url}\n`);
  expect((await login.result).accessToken.isEmpty).toBe(false);
});

it('takes whichever comes first, and redeems the code once', async () => {
  const login = await start();
  const { url } = await signIn(login.authorizationUrl, { ...alice, follow: false });
  const before = provider.requests.length;
  login.submitUrl(url);
  const pages = await Promise.all([fetch(url), fetch(url)]);
  expect(pages.map(({ status }) => status)).toEqual([200, 200]);
  await login.result;
  expect(provider.requests.length - before).toBe(1);
});

it('defect 14: error=access_denied ends it, with advice', async () => {
  const login = await start();
  const arrival = await signIn(login.authorizationUrl, { ...alice, deny: true });
  expect(arrival).toMatchObject({ status: 400, page: expect.stringContaining('failed') });
  await expect(login.result).rejects.toMatchObject({
    code: 'login-denied',
    message: expect.stringContaining('access_denied: The person said no'),
    hint: expect.stringContaining('sign in again'),
  });
});

it('without a refresh token is not complete', async () => {
  const forgetful = await startOpenIdProvider({ refreshTokens: false });
  const login = await start(forgetful);
  const arrival = await signIn(login.authorizationUrl, alice);
  expect(arrival.page).toContain('no refresh token');
  await expect(login.result).rejects.toMatchObject({
    code: 'login-denied',
    hint: expect.stringMatching(/prompt=consent.*offline_access/),
  });
  await forgetful.close();
});
