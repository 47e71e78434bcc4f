/** Tokens that are shown to the provider: each option of Dovecot's, each fault, against a scripted server. */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/core/clock.js';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/process.js';
import { startTokenEndpoint, type Step, type TokenEndpoint } from '../support/token-endpoint.js';
import { startConnectProxy } from '../oauth/connect-proxy.js';
import { checksUnderTest } from './checks-under-test.js';

const user = 'user@example.com';
const token = '1234567890';
const good = { active: true, email: user, username: user };
const invalid = 'refused: {"status":"invalid_token"}';

let server: TokenEndpoint;
beforeEach(async () => {
  server = await startTokenEndpoint();
});
afterEach(() => server.close());

/** What one token comes to, with `oauth2` beside the URL, where the provider gives these answers in turn. */
async function verdict(oauth2: object, answers: readonly (Step | object)[], name: string | undefined = user) {
  answer(...answers);
  return checksUnderTest({ introspection_url: server.url.href, ...oauth2 }).token(token, name);
}

function answer(...answers: readonly (Step | object)[]): void {
  server.script(
    ...answers.map((one) =>
      typeof one === 'string' || 'status' in one || 'body' in one ? one : { body: { ...one } },
    ),
  );
}

describe('introspection_mode', () => {
  it('auth, the default, sends the token as Authorization', async () => {
    expect(await verdict({}, [good])).toBe(user);
    expect(server.requests[0]).toMatchObject({
      method: 'GET',
      path: '/token',
      headers: { authorization: `Bearer ${token}` },
    });
  });

  it('get puts the token behind the URL, encoded', async () => {
    answer(good);
    const introspection_url = `${server.url.href}?access_token=`;
    const checks = checksUnderTest({ introspection_url, introspection_mode: 'get' });
    expect(await checks.token('a+b/c=', user)).toBe(user);
    expect(server.requests[0]).toMatchObject({ method: 'GET', path: '/token?access_token=a%2Bb%2Fc%3D' });
    expect(server.requests[0]!.headers.authorization).toBeUndefined();
  });

  it('post sends a form, with Basic authentication where the URL holds id and secret', async () => {
    const introspection_url = server.url.href.replace('://', '://the%40id:p%3Aw@');
    expect(await verdict({ introspection_url, introspection_mode: 'post' }, [good])).toBe(user);
    expect(server.requests[0]).toMatchObject({ method: 'POST', path: '/token', body: `token=${token}` });
    expect(server.requests[0]!.headers.authorization).toBe(`Basic ${btoa('the@id:p:w')}`);
  });

  it('post sends client_id and client_secret in the form', async () => {
    const client = { client_id: 'mail', client_secret: 's&t' };
    expect(await verdict({ introspection_mode: 'post', ...client }, [good])).toBe(user);
    expect(Object.fromEntries(server.requests[0]!.form)).toEqual({ token, ...client });
  });
});

describe('tokeninfo_url', () => {
  const tokeninfo = () => ({ tokeninfo_url: `${server.url.href}?access_token=`, introspection_url: '' });

  it('alone says whose a token is', async () => {
    expect(await verdict(tokeninfo(), [good])).toBe(user);
    expect(server.requests[0]!.path).toBe(`/token?access_token=${token}`);
    expect(await verdict(tokeninfo(), [{ status: 400, body: { error: 'invalid_token' } }])).toBe(invalid);
  });

  it('is followed by introspection_url only where it does not say all', async () => {
    const both = { ...tokeninfo(), introspection_url: server.url.href };
    expect(await verdict(both, [{ active: true }, good])).toBe(user);
    expect(server.requests).toHaveLength(2);
    expect(await verdict(both, [good, { status: 401 }])).toBe(user);
    expect(server.requests).toHaveLength(3);
    expect(await verdict({ ...both, active_attribute: 'enabled' }, [good, { enabled: 1 }])).toBe(user);
  });

  it('is followed by introspection_url always with force_introspection', async () => {
    const both = { ...tokeninfo(), introspection_url: server.url.href, force_introspection: 'yes' };
    expect(await verdict(both, [good, { status: 401 }])).toBe(invalid);
  });

  it('that calls a token inactive is not overruled by introspection_url', async () => {
    const both = { ...tokeninfo(), introspection_url: server.url.href, force_introspection: 'yes' };
    expect(await verdict(both, [{ ...good, active: false }, good])).toBe(invalid);
  });
});

describe('what a token must say', () => {
  it.each([
    ['username_attribute', { username_attribute: 'login' }, { login: user }, { email: user }],
    ['username_attribute by default', {}, { email: user }, { username: user, sub: user }],
    ['username_format', { username_format: '%n' }, { email: 'user@b' }, { email: 'other@b' }],
    ['active', {}, good, { ...good, active: false }],
    ['active as a word', {}, good, { ...good, active: 'false' }],
    ['active_attribute', { active_attribute: 'on' }, { ...good, on: 'no' }, good],
    [
      'active_value',
      { active_attribute: 'on', active_value: 'true' },
      { ...good, on: true },
      { ...good, on: 'yes' },
    ],
    [
      'issuers',
      { issuers: 'https://a https://b' },
      { ...good, iss: 'https://b' },
      { ...good, iss: 'https://c' },
    ],
    ['exp', {}, { ...good, exp: 2 ** 32 }, { ...good, exp: 1 }],
    ['expires_in', {}, { ...good, expires_in: '60' }, { ...good, expires_in: 0 }],
    ['a name of one line', {}, good, { email: `${user}\r\n` }],
    ['a name in words', {}, good, { email: [user] }],
  ])('%s', async (_what, oauth2, taken, refused) => {
    expect(await verdict(oauth2, [taken])).toMatch(/^user/);
    expect(await verdict(oauth2, [refused])).toBe(invalid);
  });

  it.each([
    ['words', 'mail imap'],
    ['a list', ['mail']],
  ])('scope, in %s: one of those that are wanted', async (_form, scope) => {
    const wanted = { scope: 'smtp mail' };
    expect(await verdict(wanted, [{ ...good, scope }])).toBe(user);
    expect(await verdict(wanted, [{ ...good, scp: scope }])).toBe(user);
    const insufficient = 'refused: {"status":"insufficient_scope","scope":"smtp mail"}';
    expect(await verdict(wanted, [{ ...good, scope: 'openid mails' }])).toBe(insufficient);
    expect(await verdict(wanted, [good])).toBe(insufficient);
  });

  it('the name that the client gives, made alike first, or any where it gives none', async () => {
    expect(await verdict({}, [good], 'USER@Example.com')).toBe(user);
    expect(await verdict({}, [{ email: 'User@Example.COM' }])).toBe(user);
    answer(good);
    const checks = checksUnderTest({ introspection_url: server.url.href });
    expect(await checks.token(token)).toBe(user);
    expect(await checks.token(token, 'other@example.com')).toBe(invalid);
    expect(checks.log).toEqual(['debug: token refused: the token is of another user']);
  });

  it.each(['user\n@example.com', 'user@example.com\0', 'user\x7f'])(
    'a name that is one, not %j',
    async (email) => {
      expect(await verdict({}, [{ email }])).toBe(invalid);
    },
  );
});

it('refuses what is no bearer token without asking', async () => {
  const checks = checksUnderTest({ introspection_url: server.url.href });
  for (const odd of ['', 'a b', 'a\r\nX-Header: b', 'ö', 'a\0'])
    expect(await checks.token(odd, user)).toBe(invalid);
  expect(server.requests).toHaveLength(0);
});

describe('the challenge of a refusal', () => {
  it('is what RFC 7628 and Google say, with scope and openid-configuration where they are set', async () => {
    answer({ status: 401 });
    const openid_configuration_url = 'https://idp.example/.well-known/openid-configuration';
    const checks = checksUnderTest({
      introspection_url: server.url.href,
      scope: 'smtp mail',
      openid_configuration_url,
    });
    const challenge = async (mechanism: 'XOAUTH2' | 'OAUTHBEARER') =>
      JSON.parse((await checks.token(token, user, mechanism)).replace('refused: ', '')) as object;
    expect(await challenge('OAUTHBEARER')).toEqual({
      status: 'invalid_token',
      scope: 'smtp mail',
      'openid-configuration': openid_configuration_url,
    });
    expect(await challenge('XOAUTH2')).toEqual({ status: '401', schemes: 'bearer', scope: 'smtp mail' });
    // Who has no token yet learns where to get one; the provider is not asked.
    const before = server.requests.length;
    expect(await checks.token('', user)).toContain(openid_configuration_url);
    expect(server.requests).toHaveLength(before);
    answer({ status: 403, body: { error: 'insufficient_scope' } });
    expect(await challenge('OAUTHBEARER')).toMatchObject({ status: 'insufficient_scope' });
    expect(await challenge('XOAUTH2')).toMatchObject({ status: '403' });
  });
});

describe('a check that cannot be made', () => {
  it.each([
    ['HTTP 500', {}, { status: 500 }],
    ['HTTP 404', {}, { status: 404 }],
    ['HTTP 429', {}, { status: 429 }],
    ['HTTP 307', {}, { status: 307, headers: { location: 'http://127.0.0.1:1/' } }],
    ['nothing that is understood', {}, { body: 'active' }],
    ['nothing that is understood', {}, { body: '[true]' }],
    ['nothing that is understood', {}, { ...good, error: 'server_error' }],
    ['ECONNRESET|other side closed', {}, 'reset'],
    ['no answer within 0.05 s', { timeout_msecs: 50 }, 'hang'],
    ['no answer within 0.05 s', { timeout_msecs: '50' }, 'stall'],
    ['more than 1048576 bytes', {}, 'endless'],
    // Who may not ask has no answer about the token.
    [
      'HTTP 401',
      { introspection_mode: 'post', client_id: 'mail' },
      { status: 401, body: { error: 'invalid_client' } },
    ],
  ] as const)('refuses nobody: %s', async (words, oauth2, step) => {
    answer(step);
    const checks = checksUnderTest({ introspection_url: server.url.href, ...oauth2 });
    expect(await checks.token(token, user)).toMatch(
      new RegExp(`^unavailable: 454 introspection_url: .*(${words})`),
    );
  });

  it('names neither token nor secret', async () => {
    const introspection_url = server.url.href.replace('://', '://id:geheim@').replace('/token', '/token?t=');
    const oauth2 = { introspection_url, introspection_mode: 'get' };
    for (const step of ['echo', 'reset', { status: 500 }] as const)
      expect(await verdict(oauth2, [step])).not.toMatch(new RegExp(`geheim|${token}`));
  });
});

describe('what is remembered', () => {
  it('is asked once in a minute, and never beyond the life of the token', async () => {
    let now = 1_000_000;
    const clock: Clock = { ...systemClock, now: () => now };
    const checks = checksUnderTest({ introspection_url: server.url.href }, clock);
    const asked = async (one: string, laterMs: number) => {
      now += laterMs;
      const before = server.requests.length;
      expect(await checks.token(one, user)).toBe(user);
      return server.requests.length - before;
    };
    answer(good);
    expect([await asked('a', 0), await asked('a', 59_999), await asked('a', 1)]).toEqual([1, 0, 1]);
    expect(await asked('b', 0)).toBe(1);
    answer({ ...good, exp: (now + 20_000) / 1000 });
    expect([await asked('c', 0), await asked('c', 19_000)]).toEqual([1, 0]);
    now += 1000;
    expect(await checks.token('c', user)).toBe(invalid);
  });

  it('is no refusal', async () => {
    answer({ status: 401 }, good);
    const checks = checksUnderTest({ introspection_url: server.url.href });
    expect(await checks.token(token, user)).toBe(invalid);
    expect(await checks.token(token, user)).toBe(user);
  });

  it('is asked once by many at once', async () => {
    answer(good);
    const checks = checksUnderTest({ introspection_url: server.url.href });
    const verdicts = await Promise.all(Array.from({ length: 5 }, () => checks.token(token, user)));
    expect(verdicts).toEqual(Array.from({ length: 5 }, () => user));
    expect(server.requests).toHaveLength(1);
  });
});

describe('max_parallel_connections', () => {
  const timers: (() => void)[] = [];
  const timeUp = () => timers.splice(0).forEach((fire) => fire());
  const clock: Clock = {
    ...systemClock,
    setTimer(_delayMs, fire) {
      timers.push(fire);
      return { cancel: () => undefined };
    },
  };
  const ask = (most: number, tokens: number) => {
    const oauth2 = { introspection_url: server.url.href, max_parallel_connections: most };
    const checks = checksUnderTest(oauth2, clock);
    return Array.from({ length: tokens }, (_, number) => checks.token(`token-${number}`, user));
  };

  it('bounds how many requests are open, and the others follow', async () => {
    answer('hang', 'hang', { body: good });
    const verdicts = ask(2, 5);
    await server.waitForRequests(2);
    // Those two, for the time of others that wait is not up with theirs.
    timers.splice(3).forEach((fire) => fire());
    const words = await Promise.all(verdicts);
    expect(words.slice(0, 2)).toEqual([
      expect.stringContaining('no answer'),
      expect.stringContaining('no answer'),
    ]);
    expect(words.slice(2)).toEqual([user, user, user]);
  });

  it('does not let anybody wait longer than a request may take', async () => {
    answer('hang');
    const verdicts = ask(2, 5);
    await server.waitForRequests(2);
    timeUp();
    const words = await Promise.all(verdicts);
    expect(words.filter((said) => said.includes('too many checks are waiting'))).toHaveLength(3);
    expect(server.requests).toHaveLength(2);
  });

  it('turns away at once whom it would let wait too long', async () => {
    answer('hang');
    const verdicts = ask(1, 102);
    expect(await verdicts.at(-1)).toContain('too many checks are waiting');
    expect(await Promise.race([verdicts[100]!, Promise.resolve('it waits')])).toBe('it waits');
    await server.waitForRequests(1);
    timeUp();
    await Promise.all(verdicts);
  });
});

describe('the connection to the provider', () => {
  let directory: TemporaryDirectory;
  let authority: CertificateAuthority;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    authority = await createCertificateAuthority(join(directory.path, 'authority'));
  });
  afterAll(() => directory.remove());

  it('trusts tls_ca_cert_file, or what is in tls_ca_cert_dir, and nobody unknown', async () => {
    const secure = await startTokenEndpoint(await authority.issue('idp'));
    secure.script({ body: good });
    const check = (oauth2: object) =>
      checksUnderTest({ introspection_url: secure.url.href, ...oauth2 }).token(token, user);
    expect(await check({})).toMatch(/^unavailable: 454 introspection_url: .*certificate/);
    expect(await check({ tls_ca_cert_file: authority.certificateFile })).toBe(user);
    expect(await check({ tls_ca_cert_dir: dirname(authority.certificateFile) })).toBe(user);
    const trusted = await createCertificateAuthority(join(directory.path, 'other'));
    expect(await check({ tls_ca_cert_file: trusted.certificateFile })).toMatch(/^unavailable/);
    expect(await check({ tls_ca_cert_file: '/nowhere.pem' })).toMatch(
      /tls_ca_cert_file \/nowhere.pem: ENOENT/,
    );
    expect(await check({ tls_ca_cert_dir: directory.path })).toMatch(/tls_ca_cert_dir .*no PEM certificate/);
    await secure.close();
  });

  it('shows tls_cert_file to a provider that asks for it', async () => {
    const { certificate, key } = await authority.issue('strict');
    const client = await authority.issue('client');
    const strict = createServer(
      { cert: certificate, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        const shown = (request.socket as TLSSocket).getPeerX509Certificate() !== undefined;
        response.end(JSON.stringify({ ...good, active: shown }));
      },
    ).listen(0, '127.0.0.1');
    await once(strict, 'listening');
    const { port } = strict.address() as AddressInfo;
    const check = (oauth2: object) =>
      checksUnderTest({
        introspection_url: `https://127.0.0.1:${port}/`,
        tls_ca_cert_file: authority.certificateFile,
        ...oauth2,
      }).token(token, user);
    expect(await check({})).toBe(invalid);
    expect(await check({ tls_cert_file: client.certificateFile, tls_key_file: client.keyFile })).toBe(user);
    expect(await check({ tls_cert_file: '/nowhere', tls_key_file: client.keyFile })).toMatch(
      /ENOENT.*\/nowhere/,
    );
    strict.close();
    strict.closeAllConnections();
  });

  it('goes through the proxy', async () => {
    const secure = await startTokenEndpoint(await authority.issue('proxied'));
    secure.script({ body: good });
    const proxy = await startConnectProxy();
    const oauth2 = {
      introspection_url: secure.url.href,
      proxy: proxy.url.href,
      tls_ca_cert_file: authority.certificateFile,
    };
    expect(await checksUnderTest(oauth2).token(token, user)).toBe(user);
    expect(proxy.connects).toHaveLength(1);
    await proxy.close();
    await secure.close();
  });
});
