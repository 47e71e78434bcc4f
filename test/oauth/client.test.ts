/** Refreshing, against a scripted endpoint and against a real OpenID provider. */
import { createServer } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startOpenIdProvider, signIn } from '../../examples/demo/openid-provider.js';
import type { OAuthClient } from '../../src/accounts/account.js';
import { Secret } from '../../src/core/secret.js';
import { requestRefresh } from '../../src/oauth/client.js';
import { createLoopbackLogin } from '../../src/oauth/login-loopback.js';
import {
  grantedAnswer,
  oauthClient,
  startTokenEndpoint,
  type TokenEndpoint,
} from '../support/token-endpoint.js';

const refreshToken = new Secret('refresh-token-1');
let endpoint: TokenEndpoint;

beforeEach(async () => {
  endpoint = await startTokenEndpoint();
});
afterEach(() => endpoint.close());

function refresh(overrides: Partial<OAuthClient> = {}, token = refreshToken) {
  return requestRefresh(oauthClient(endpoint.url, overrides), token);
}

describe('a refresh', () => {
  it('of a public client sends what RFC 6749 says and nothing more', async () => {
    expect(await refresh()).toMatchObject({
      kind: 'refreshed',
      refreshToken: undefined,
      expiresInSeconds: 3599,
      lifetimeKnown: true,
    });
    const [request] = endpoint.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/token' });
    expect(request?.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded\b/);
    expect(request?.headers).not.toHaveProperty('authorization');
    expect(Object.fromEntries(request!.form)).toEqual({
      grant_type: 'refresh_token',
      client_id: 'client-1',
      refresh_token: 'refresh-token-1',
    });
  });

  it('of a confidential client sends the secret, and the scope where there is one', async () => {
    await refresh({ clientSecret: new Secret('s3cret'), refreshScope: 'smtp offline_access' });
    expect(Object.fromEntries(endpoint.requests[0]!.form)).toEqual({
      grant_type: 'refresh_token',
      client_id: 'client-1',
      client_secret: 's3cret',
      refresh_token: 'refresh-token-1',
      scope: 'smtp offline_access',
    });
  });

  it('defect 10: percent-encodes + & = % in everything it sends', async () => {
    await refresh({ clientId: 'a&b', clientSecret: new Secret('+ &=%ü') }, new Secret('1+2&3=4%5'));
    const { body, form } = endpoint.requests[0]!;
    expect(body).toContain('client_secret=%2B+%26%3D%25%C3%BC');
    expect(body).toContain('refresh_token=1%2B2%263%3D4%255');
    expect(form.get('client_id')).toBe('a&b');
  });

  it('defect 10: brings any text across unchanged', async () => {
    const text = fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' });
    await fc.assert(
      fc.asyncProperty(text, text, async (secret, token) => {
        await refresh({ clientSecret: new Secret(secret) }, new Secret(token));
        const { form } = endpoint.requests.at(-1)!;
        expect([form.get('client_secret'), form.get('refresh_token')]).toEqual([secret, token]);
      }),
      { numRuns: 25 },
    );
  });
});

describe('a successful answer', () => {
  async function refreshed(answer: Record<string, unknown>) {
    endpoint.script({ body: answer });
    const outcome = await refresh();
    if (outcome.kind !== 'refreshed') throw new Error(outcome.reason);
    return outcome;
  }

  it('gives the new tokens', async () => {
    const outcome = await refreshed({ ...grantedAnswer, refresh_token: 'refresh-token-2' });
    expect(outcome.accessToken.reveal()).toBe('access-token-1');
    expect(outcome.refreshToken?.reveal()).toBe('refresh-token-2');
  });

  it.each(['', null, undefined])(
    'defect 3: with a refresh token of %j keeps the old one',
    async (refresh_token) => {
      expect((await refreshed({ ...grantedAnswer, refresh_token })).refreshToken).toBeUndefined();
    },
  );

  it('may give its lifetime as a string, or not at all', async () => {
    expect(await refreshed({ ...grantedAnswer, expires_in: '120' })).toMatchObject({
      expiresInSeconds: 120,
      lifetimeKnown: true,
    });
    expect(await refreshed({ access_token: 'a' })).toMatchObject({
      expiresInSeconds: 3600,
      lifetimeKnown: false,
    });
  });

  it("may hold another issuer's id_token, as Microsoft's tenant common does", async () => {
    const idToken = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${Buffer.from('{"iss":"x"}').toString('base64url')}.AA`;
    expect((await refreshed({ ...grantedAnswer, id_token: idToken })).kind).toBe('refreshed');
  });

  it.each(['text/plain', 'text/html; charset=utf-8', ''])('may call itself %j', async (type) => {
    endpoint.script({ headers: { 'content-type': type }, body: `\uFEFF${JSON.stringify(grantedAnswer)}` });
    expect((await refresh()).kind).toBe('refreshed');
  });

  it.each([
    {},
    { token_type: 'Bearer' },
    { access_token: '' },
    { access_token: 'a\u0001b' },
    { access_token: 'a', token_type: 'mac' },
  ])('that is none is transient: %j', async (body) => {
    endpoint.script({ body });
    const outcome = await refresh();
    expect(outcome).toMatchObject({ kind: 'transient', reason: expect.stringContaining('HTTP 200') });
    expect(outcome.kind === 'transient' && outcome.reason).not.toMatch(/\[object|undefined/);
  });
});

describe('a refused refresh', () => {
  it('defect 13: says what the provider said and what to do', async () => {
    const error_description = 'AADSTS700082: The refresh token has expired due to inactivity.\r\nTrace ID: 7';
    endpoint.script({ status: 400, body: { error: 'invalid_grant', error_description } });
    expect(await refresh()).toEqual({
      kind: 'needs-person',
      reason: 'invalid_grant: AADSTS700082: The refresh token has expired due to inactivity. Trace ID: 7',
      advice: 'the refresh token was not used for 90 days; sign in again',
    });
  });

  it('is read although a WWW-Authenticate challenge comes with it', async () => {
    const headers = { 'www-authenticate': 'Basic realm="x"' };
    endpoint.script({ status: 401, headers, body: { error: 'invalid_client' } });
    expect(await refresh()).toMatchObject({ kind: 'misconfigured', reason: 'invalid_client' });
  });

  it('is a refusal even with status 200', async () => {
    endpoint.script({ body: { error: 'invalid_code' } });
    expect(await refresh()).toMatchObject({ kind: 'needs-person', reason: 'HTTP 200, invalid_code' });
  });

  it('never repeats what it was sent', async () => {
    const clientSecret = new Secret('s3cr+t&value');
    endpoint.script({
      status: 400,
      body: {
        error: 'invalid_request',
        error_description: `cannot parse client_secret=s3cr%2Bt%26value (s3cr+t&value), token refresh-token-1`,
      },
    });
    const outcome = JSON.stringify(await refresh({ clientSecret }));
    expect(outcome).toContain('cannot parse');
    for (const secret of ['s3cr+t&value', 's3cr%2Bt%26value', 'refresh-token-1'])
      expect(outcome).not.toContain(secret);
  });

  it('may ask for patience', async () => {
    endpoint.script({ status: 429, headers: { 'retry-after': '30' }, body: '<html>' });
    expect(await refresh()).toMatchObject({ kind: 'transient', retryAfterSeconds: 30 });
  });
});

describe('an endpoint that is none', () => {
  it('defect 9: a 307 is not followed, so the secrets are not posted again', async () => {
    const elsewhere = await startTokenEndpoint();
    endpoint.script({ status: 307, headers: { location: elsewhere.url.href } });
    expect(await refresh()).toMatchObject({
      kind: 'misconfigured',
      advice: expect.stringContaining(elsewhere.url.host),
    });
    expect(elsewhere.requests).toHaveLength(0);
    await elsewhere.close();
  });

  it.each([
    [502, 'transient'],
    [200, 'transient'],
    [404, 'misconfigured'],
  ])('answers %i with a page: %s', async (status, kind) => {
    endpoint.script({ status, headers: { 'content-type': 'text/html' }, body: '<h1>Welcome</h1>' });
    expect(await refresh()).toMatchObject({ kind, reason: `HTTP ${status}, the body is no JSON object` });
  });

  it('defect 9: never answers, and is left after the time-out', async () => {
    endpoint.script('hang');
    const outcome = await requestRefresh(oauthClient(endpoint.url), refreshToken, { timeoutMs: 20 });
    expect(outcome).toMatchObject({ kind: 'transient', reason: 'no answer within 0.02 s' });
  });

  it('resets the connection, or is not there', async () => {
    endpoint.script('reset');
    expect((await refresh()).kind).toBe('transient');
    const gone = createServer().listen(0, '127.0.0.1');
    const tokenEndpoint = new URL(`http://127.0.0.1:${await portOf(gone)}/`);
    await new Promise((resolve) => gone.close(resolve));
    expect(await refresh({ tokenEndpoint })).toMatchObject({
      kind: 'transient',
      reason: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('is far away over plain http, and is not asked', async () => {
    const tokenEndpoint = new URL('http://login.example/token');
    expect(await refresh({ tokenEndpoint })).toMatchObject({
      kind: 'misconfigured',
      reason: expect.stringContaining('login.example'),
      advice: expect.stringContaining('https'),
    });
  });
});

describe('settings that cannot work', () => {
  it('are misconfigured: no client id, a CA file that is not there', async () => {
    expect(await refresh({ clientId: '' })).toMatchObject({
      kind: 'misconfigured',
      reason: 'client_id is empty',
    });
    expect(await refresh({ caBundleFile: '/nowhere/ca.pem' })).toMatchObject({
      kind: 'misconfigured',
      reason: expect.stringContaining('/nowhere/ca.pem'),
    });
    expect(endpoint.requests).toHaveLength(0);
  });

  it('a refresh that is given up is transient, and throws nothing', async () => {
    const reason = new Error('shutting down');
    const options = { signal: AbortSignal.abort(reason) };
    expect(await requestRefresh(oauthClient(endpoint.url), refreshToken, options)).toMatchObject({
      kind: 'transient',
      reason: 'shutting down',
    });
  });
});

describe('a real OpenID provider', () => {
  it.each(['', 's3cr+t&=%'])(
    'refreshes, rotates, and ends the grant on reuse (secret %j)',
    async (clientSecret) => {
      const provider = await startOpenIdProvider({ rotate: true, clientSecret, accessTokenSeconds: 90 });
      const client = oauthClient(new URL(provider.tokenEndpoint), {
        clientId: provider.clientId,
        clientSecret: new Secret(clientSecret),
      });
      const login = await createLoopbackLogin({
        client,
        scope: 'smtp offline_access',
        authorizationEndpoint: new URL(provider.authorizationEndpoint),
        authorizationParameters: {},
      });
      await signIn(login.authorizationUrl, { login: 'alice@example.test' });
      const first = await login.result;
      await login.close();

      const second = await requestRefresh(client, first.refreshToken);
      if (second.kind !== 'refreshed') throw new Error(second.reason);
      expect(second).toMatchObject({ expiresInSeconds: 90, lifetimeKnown: true });
      expect(second.refreshToken?.equals(first.refreshToken)).toBe(false);
      expect((await requestRefresh(client, first.refreshToken)).kind).toBe('needs-person');
      expect((await requestRefresh(client, second.refreshToken!)).kind).toBe('needs-person');
      await provider.close();
    },
  );
});

function portOf(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve) => {
    server.once('listening', () => resolve((server.address() as { port: number }).port));
  });
}
