/** What the demo's OpenID provider promises to those who use it as a stand-in for Google and Microsoft. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type OpenIdProvider, signIn, startOpenIdProvider } from '../../examples/demo/openid-provider.js';
import type { Secret } from '../../src/core/secret.js';
import { requestRefresh } from '../../src/oauth/client.js';
import { createLoopbackLogin } from '../../src/oauth/login-loopback.js';
import { oauthClient } from '../support/token-endpoint.js';

const bob = { sub: '10769150350006150715113082367', email: 'bob@example.test' };
const silence = ['log', 'info', 'warn', 'error'] as const;
const spies = silence.map((name) => vi.spyOn(console, name));
let provider: OpenIdProvider;
let accessToken: string;
let refreshToken: Secret;

beforeAll(async () => {
  provider = await startOpenIdProvider({ accounts: [bob] });
  const login = await createLoopbackLogin({
    client: client(),
    scope: 'smtp offline_access',
    authorizationEndpoint: new URL(provider.authorizationEndpoint),
    authorizationParameters: {},
  });
  await signIn(login.authorizationUrl, { login: bob.email });
  const tokens = await login.result;
  await login.close();
  accessToken = tokens.accessToken.reveal();
  ({ refreshToken } = tokens);
});
afterAll(() => provider.close());

function client() {
  return oauthClient(new URL(provider.tokenEndpoint), { clientId: provider.clientId });
}

async function introspect(token: string, form: Record<string, string>, basic: boolean): Promise<unknown> {
  const { clientId, clientSecret } = provider.mailServer;
  const credentials = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
  const response = await fetch(provider.introspectionEndpoint, {
    method: 'POST',
    body: new URLSearchParams({ token, ...form }),
    ...(basic ? { headers: { authorization: `Basic ${credentials}` } } : {}),
  });
  return response.json();
}

describe('introspection', () => {
  it("answers Dovecot, which sends empty credentials beside Basic, with the account's login name", async () => {
    expect(await introspect(accessToken, { client_id: '', client_secret: '' }, true)).toMatchObject({
      active: true,
      username: bob.email,
      email: bob.email,
      sub: bob.sub,
    });
  });

  it('takes the credentials in the form too, and nobody else’s', async () => {
    const { clientId, clientSecret } = provider.mailServer;
    const form = { client_id: clientId, client_secret: clientSecret };
    expect(await introspect(accessToken, form, false)).toMatchObject({ active: true });
    expect(await introspect(accessToken, { client_id: provider.clientId }, false)).toMatchObject({
      active: false,
    });
    expect(await introspect(accessToken, {}, false)).toHaveProperty('error');
  });

  it('does not know a token that was made up', async () => {
    expect(await introspect('x', {}, true)).toEqual({ active: false });
  });
});

it('keeps the refresh token without rotation', async () => {
  for (const _ of [1, 2]) expect((await requestRefresh(client(), refreshToken)).kind).toBe('refreshed');
});

it('logs requests without a secret in them', () => {
  expect(provider.requests).toContainEqual({
    endpoint: 'token',
    grantType: 'authorization_code',
    status: 200,
    error: undefined,
  });
  const log = JSON.stringify(provider.requests);
  for (const secret of [accessToken, refreshToken.reveal(), provider.mailServer.clientSecret])
    expect(log).not.toContain(secret);
});

it('refuses a code without PKCE', async () => {
  const listener = createServer((_request, response) => response.end('back')).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const url = new URL(provider.authorizationEndpoint);
  url.search = new URLSearchParams({
    client_id: provider.clientId,
    response_type: 'code',
    scope: 'smtp',
    redirect_uri: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`,
  }).toString();
  const arrival = await signIn(url, { login: bob.email });
  expect(new URL(arrival.url).searchParams.get('error')).toBe('invalid_request');
  listener.close();
});

it('ends every grant on demand, as a changed password does', async () => {
  await provider.endSessions();
  expect(await requestRefresh(client(), refreshToken)).toMatchObject({ kind: 'needs-person' });
});

it('prints nothing, not even on a Node that oidc-provider finds too old', () => {
  for (const spy of spies) expect(spy).not.toHaveBeenCalled();
});
