/** The device flow, with a real OpenID provider, and its patience with a scripted one. No test waits. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { approveDevice, startOpenIdProvider } from '../../examples/demo/openid-provider.js';
import { type Clock, systemClock } from '../../src/core/clock.js';
import type { AppError } from '../../src/core/errors.js';
import { startDeviceLogin } from '../../src/oauth/login-device.js';
import {
  grantedAnswer,
  oauthClient,
  startTokenEndpoint,
  type Step,
  type TokenEndpoint,
} from '../support/token-endpoint.js';

const requestTimeoutMs = 30_000;

/** Time that passes at once when someone waits for it; only the time-out of a request never comes. */
function hastyClock(
  beforeWaiting: () => Promise<unknown> = async () => undefined,
): Clock & { waits: number[] } {
  let elapsedMs = 0;
  const waits: number[] = [];
  return {
    ...systemClock,
    waits,
    monotonic: () => elapsedMs,
    setTimer(delayMs, fire) {
      if (delayMs === requestTimeoutMs) return { cancel: () => undefined };
      waits.push(delayMs / 1000);
      elapsedMs += delayMs;
      void beforeWaiting().then(fire);
      return { cancel: () => undefined };
    },
  };
}

describe('with a real provider', () => {
  async function run(deny: boolean) {
    const provider = await startOpenIdProvider();
    let page = '';
    const clock = hastyClock(async () => {
      // The second wait is the one in which the person acts.
      if (clock.waits.length !== 2) return;
      ({ page } = await approveDevice(login.verificationUri, login.userCode, {
        login: 'alice@example.test',
        deny,
      }));
    });
    const login = await startDeviceLogin({
      client: oauthClient(new URL(provider.tokenEndpoint), { clientId: provider.clientId }),
      scope: 'smtp offline_access',
      deviceAuthorizationEndpoint: new URL(provider.deviceAuthorizationEndpoint),
      clock,
    });
    const outcome = await login.result.catch((error: unknown) => error as AppError);
    await provider.close();
    return { login, outcome, page, waits: clock.waits, requests: provider.requests };
  }

  it('signs in once the code was entered, polling until then', async () => {
    const { login, outcome, page, waits, requests } = await run(false);
    expect(login.userCode).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);
    expect(login.verificationUriComplete).toContain(login.userCode);
    expect(login.expiresInSeconds).toBe(600);
    expect(page).toContain('Signed in');
    expect(outcome).toMatchObject({ expiresInSeconds: 3600, lifetimeKnown: true });
    expect(waits).toEqual([1, 1]);
    expect(requests.map(({ error }) => error)).toEqual([undefined, 'authorization_pending', undefined]);
  });

  it('ends when the person says no, with advice', async () => {
    const { outcome } = await run(true);
    expect(outcome).toMatchObject({
      code: 'login-denied',
      message: expect.stringContaining('access_denied'),
      hint: expect.stringContaining('sign in again'),
    });
  });
});

describe('with a provider of moods', () => {
  let endpoint: TokenEndpoint;
  beforeEach(async () => {
    endpoint = await startTokenEndpoint();
  });
  afterEach(() => endpoint.close());

  const device = {
    device_code: 'device-code-1',
    user_code: 'ABCD-EFGH',
    verification_uri: 'https://example.test/device',
    expires_in: 900,
  };
  const pending: Step = { status: 400, body: { error: 'authorization_pending' } };
  const granted: Step = { body: { ...grantedAnswer, refresh_token: 'refresh-token-1' } };

  async function run(answer: Record<string, unknown>, ...steps: Step[]) {
    endpoint.script({ body: answer }, ...steps);
    const clock = hastyClock();
    const login = await startDeviceLogin({
      client: oauthClient(endpoint.url),
      scope: 'smtp',
      deviceAuthorizationEndpoint: endpoint.url,
      clock,
    });
    const outcome = await login.result.catch((error: unknown) => error as AppError);
    return { login, outcome, waits: clock.waits };
  }

  it('sends what RFC 8628 says', async () => {
    await run(device, granted);
    expect(endpoint.requests.map(({ form }) => Object.fromEntries(form))).toEqual([
      { client_id: 'client-1', scope: 'smtp' },
      {
        client_id: 'client-1',
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: 'device-code-1',
      },
    ]);
  });

  it('keeps to the interval, and slows down by five seconds each time it is told to', async () => {
    const slowDown: Step = { status: 400, body: { error: 'slow_down' } };
    const { waits } = await run({ ...device, interval: '2' }, pending, slowDown, pending, slowDown, granted);
    expect(waits).toEqual([2, 2, 7, 7, 12]);
  });

  it('asks less often while there is no answer, up to a minute, and goes on', async () => {
    const { waits, outcome } = await run(
      device,
      'reset',
      { status: 503 },
      'reset',
      'reset',
      'reset',
      pending,
      granted,
    );
    expect(waits).toEqual([5, 10, 20, 40, 60, 60, 60]);
    expect(outcome).toMatchObject({ lifetimeKnown: true });
  });

  it('waits as long as it is asked to', async () => {
    const busy: Step = { status: 429, headers: { 'retry-after': '77' } };
    expect((await run(device, busy, granted)).waits).toEqual([5, 77]);
  });

  it('ends when the code has expired, by its own clock or by the word of the provider', async () => {
    const late = await run({ ...device, expires_in: 12 }, pending);
    expect(late.waits).toEqual([5, 5]);
    expect(late.outcome).toMatchObject({ code: 'login-denied', message: expect.stringContaining('expired') });
    const told = await run(device, { status: 400, body: { error: 'expired_token' } });
    expect(told.outcome).toMatchObject({ code: 'login-denied', hint: expect.stringContaining('in time') });
  });

  it('without a refresh token is not complete', async () => {
    const { outcome } = await run(device, { body: grantedAnswer });
    expect(outcome).toMatchObject({
      code: 'login-denied',
      message: expect.stringContaining('refresh token'),
    });
  });

  it.each([
    [{ status: 401, body: { error: 'invalid_client' } }, 'client-rejected'],
    [{ status: 503 }, 'refresh-transient'],
    [{ body: { ...device, user_code: '\u001B[2J' } }, 'refresh-transient'],
    [{ body: { ...device, expires_in: 'soon' } }, 'refresh-transient'],
  ])('gives no code: %j is %s', async (step, code) => {
    endpoint.script(step);
    const options = { client: oauthClient(endpoint.url), scope: undefined };
    await expect(
      startDeviceLogin({ ...options, deviceAuthorizationEndpoint: endpoint.url }),
    ).rejects.toMatchObject({ code });
  });

  it.each(['while waiting', 'while asking'])('is given up %s', async (when) => {
    const caller = new AbortController();
    endpoint.script({ body: device }, 'hang');
    const clock = hastyClock(async () => (when === 'while waiting' ? caller.abort() : undefined));
    const login = await startDeviceLogin({
      client: oauthClient(endpoint.url),
      scope: undefined,
      deviceAuthorizationEndpoint: endpoint.url,
      clock,
      signal: caller.signal,
    });
    if (when === 'while asking') {
      await endpoint.waitForRequests(2);
      caller.abort();
    }
    await expect(login.result).rejects.toMatchObject({
      code: 'login-denied',
      message: expect.stringContaining('given up'),
    });
    expect(endpoint.requests).toHaveLength(when === 'while asking' ? 2 : 1);
  });
});
