/** Defect 14: the ways to get in between a sign-in and its end, at the listener and at the terminal. */
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import {
  createLoopbackLogin,
  type LoopbackLogin,
  type LoopbackLoginOptions,
} from '../../src/oauth/login-loopback.js';
import {
  grantedAnswer,
  oauthClient,
  startTokenEndpoint,
  type Step,
  type TokenEndpoint,
} from '../support/token-endpoint.js';

const logins: LoopbackLogin[] = [];
let endpoint: TokenEndpoint;

beforeAll(async () => {
  endpoint = await startTokenEndpoint();
});
afterEach(async () => {
  for (const login of logins.splice(0)) await login.close();
});
afterAll(async () => {
  await endpoint.close();
});

async function start(options: Partial<LoopbackLoginOptions> = {}): Promise<LoopbackLogin> {
  const login = await createLoopbackLogin({
    client: oauthClient(endpoint.url),
    scope: 'smtp offline_access',
    authorizationEndpoint: new URL('https://login.example/authorize'),
    authorizationParameters: {},
    ...options,
  });
  logins.push(login);
  return login;
}

/** A sign-in whose code is redeemed as scripted; `callback` makes the address of an answer to it. */
async function startScripted(...steps: Step[]) {
  endpoint.script(...steps);
  const login = await start();
  const state = new URL(login.authorizationUrl).searchParams.get('state') ?? '';
  const callback = (parameters: Record<string, string>): string =>
    `${login.redirectUri}?${new URLSearchParams({ state, ...parameters }).toString()}`;
  return { login, callback };
}

const complete = { body: { ...grantedAnswer, refresh_token: 'refresh-token-1' } };

async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof AppError) return error;
  throw new Error(`not refused as it should be: ${String(error)}`);
}

describe('defect 14: the request', () => {
  it('has a random state and a PKCE challenge, and the verifier belongs to it', async () => {
    const { login, callback } = await startScripted(complete);
    const parameters = new URL(login.authorizationUrl).searchParams;
    await fetch(callback({ code: 'code-1' }));
    const { form } = endpoint.requests.at(-1)!;
    expect(Object.fromEntries(form)).toMatchObject({
      grant_type: 'authorization_code',
      code: 'code-1',
      redirect_uri: login.redirectUri,
      client_id: 'client-1',
    });
    const verifier = form.get('code_verifier') ?? '';
    expect(verifier.length).toBeGreaterThanOrEqual(43);
    expect(parameters.get('code_challenge')).toBe(createHash('sha256').update(verifier).digest('base64url'));
    expect(parameters.get('code_challenge_method')).toBe('S256');
    const other = new URL((await start()).authorizationUrl).searchParams;
    for (const name of ['state', 'code_challenge']) expect(other.get(name)).not.toBe(parameters.get(name));
    expect(parameters.get('state')?.length).toBeGreaterThanOrEqual(22);
  });

  it("carries the provider's parameters, which cannot replace ours", async () => {
    const authorizationParameters = { access_type: 'offline', prompt: 'consent', state: 'known', scope: 'x' };
    const { searchParams } = new URL((await start({ authorizationParameters })).authorizationUrl);
    expect(searchParams.get('access_type')).toBe('offline');
    expect(searchParams.get('prompt')).toBe('consent');
    expect(searchParams.getAll('state')).not.toContain('known');
    expect(searchParams.getAll('scope')).toEqual(['smtp offline_access']);
  });
});

describe('defect 14: the listener', () => {
  it('answers 400 to a missing, wrong or doubled state, and goes on waiting', async () => {
    const { login, callback } = await startScripted(complete);
    const right = callback({ code: 'stolen' });
    const strangers = [
      `${login.redirectUri}?code=stolen`,
      `${login.redirectUri}?code=stolen&state=x`,
      `${right}&state=x`,
      `${login.redirectUri}?error=access_denied&state=x`,
      login.redirectUri,
    ];
    const before = endpoint.requests.length;
    for (const url of strangers) expect((await fetch(url)).status).toBe(400);
    expect(endpoint.requests.length).toBe(before);
    await fetch(callback({ code: 'ours' }));
    await login.result;
    expect(endpoint.requests.at(-1)?.form.get('code')).toBe('ours');
  });

  it('listens on 127.0.0.1 only', async () => {
    const { port } = new URL((await start()).redirectUri);
    // Nothing else of this machine's loopback is taken: the same port is still free beside it.
    const neighbour = createServer();
    await new Promise<void>((resolve, reject) => {
      neighbour.once('error', reject).listen(Number(port), '127.0.0.2', resolve);
    });
    expect(neighbour.address()).toMatchObject({ port: Number(port) });
    await new Promise((resolve) => neighbour.close(resolve));
  });

  it('listens on ::1, too, where the redirect says localhost', async () => {
    const login = await start({ redirectHost: 'localhost' });
    const { port } = new URL(login.redirectUri);
    const hasIPv6 = Object.values(networkInterfaces())
      .flat()
      .some((address) => address?.address === '::1');
    for (const host of hasIPv6 ? ['127.0.0.1', '[::1]'] : ['127.0.0.1'])
      await expect(fetch(`http://${host}:${port}/`)).resolves.toMatchObject({ status: 400 });
  });

  it('wants its own name in the Host header', async () => {
    const { login, callback } = await startScripted(complete);
    const { port, pathname, search } = new URL(callback({ code: 'c' }));
    const status = await new Promise((resolve, reject) => {
      const headers = { host: `rebound.example:${port}` };
      request({ host: '127.0.0.1', port, path: pathname + search, headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(400);
    await fetch(callback({ code: 'c' }));
    await login.result;
  });

  it('has one page; the icon and other methods do no harm', async () => {
    const { login, callback } = await startScripted(complete);
    const url = callback({ code: 'c' });
    expect((await fetch(new URL('/favicon.ico', login.redirectUri))).status).toBe(404);
    expect((await fetch(url.replace('/?', '/other?'))).status).toBe(404);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(405);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
    expect((await fetch(url)).status).toBe(200);
  });

  it('escapes what it shows, loads nothing, and lets nothing keep or frame the page', async () => {
    const { login, callback } = await startScripted(complete);
    const error_description = '<script>alert(1)</script>"&\u001B[2J';
    const response = await fetch(callback({ error: 'access_denied', error_description }));
    const page = await response.text();
    expect(page).toContain('&#60;script&#62;');
    expect(page).not.toMatch(/<script|src=|href=|url\(/);
    expect(response.headers.get('content-security-policy')).toMatch(
      /^default-src 'none';.*frame-ancestors 'none'/,
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect((await failure(login.result)).message).not.toMatch(/\p{C}/u);
  });

  it('on a port that is taken names the option', async () => {
    const port = Number(new URL((await start()).redirectUri).port);
    expect(await failure(start({ port }))).toMatchObject({
      code: 'listen-failed',
      message: expect.stringMatching(new RegExp(`127.0.0.1:${port}.*EADDRINUSE`)),
      hint: expect.stringContaining('--local-listen-port'),
    });
  });

  it('ends with close, also for a browser that keeps a connection open', async () => {
    const login = await start();
    const { port } = new URL(login.redirectUri);
    const idle = await new Promise<ReturnType<typeof request>>((resolve) => {
      const opened = request({ host: '127.0.0.1', port, headers: { connection: 'keep-alive' } });
      opened
        .on('error', () => undefined)
        .on('socket', (socket) => socket.once('connect', () => resolve(opened)));
    });
    await login.close();
    idle.destroy();
    expect(await failure(login.result)).toMatchObject({ code: 'login-denied' });
    await expect(fetch(login.redirectUri)).rejects.toThrow('fetch failed');
  });
});

describe('a pasted text', () => {
  it.each([
    'no address',
    'http://127.0.0.1/',
    'http://127.0.0.1/?code=a&state=wrong',
    'http://127.0.0.1/?error=access_denied',
  ])('that is no answer is refused, and another may be pasted: %j', async (text) => {
    const { login, callback } = await startScripted(complete);
    let problem: unknown;
    try {
      login.submitUrl(text);
    } catch (error) {
      problem = error;
    }
    expect(problem).toMatchObject({ code: 'usage', hint: expect.stringContaining(`${login.redirectUri}?`) });
    login.submitUrl(callback({ code: 'right' }));
    await login.result;
  });

  it('with an error ends the sign-in too', async () => {
    const { login, callback } = await startScripted(complete);
    login.submitUrl(callback({ error: 'invalid_scope' }));
    expect(await failure(login.result)).toMatchObject({ code: 'client-rejected' });
  });
});

describe('a code that is not exchanged', () => {
  it.each([
    [{ status: 401, body: { error: 'invalid_client' } }, 'client-rejected', 'client_secret'],
    [
      { status: 400, body: { error: 'invalid_grant', error_description: 'AADSTS54005: twice' } },
      'login-denied',
      'twice',
    ],
    [{ status: 503 }, 'refresh-transient', 'try again'],
    ['reset', 'refresh-transient', 'try again'],
  ] as const)('ends the sign-in: %j is %s', async (step, code, hint) => {
    const { login, callback } = await startScripted(step);
    const response = await fetch(callback({ code: 'the-code' }));
    const page = await response.text();
    expect(response.status).toBe(400);
    expect(page).toContain('The sign-in failed');
    const error = await failure(login.result);
    expect(error).toMatchObject({ code, hint: expect.stringContaining(hint) });
    expect(error.message).toContain(endpoint.url.origin);
  });

  it('because the person gave up leaves no request behind, and the browser hears of it', async () => {
    const { login, callback } = await startScripted('hang');
    const before = endpoint.requests.length;
    const page = fetch(callback({ code: 'c' })).then((response) => response.text());
    await endpoint.waitForRequests(before + 1);
    await login.close();
    expect(await page).toContain('The sign-in failed');
    expect(await failure(login.result)).toMatchObject({ message: expect.stringContaining('given up') });
  });
});
