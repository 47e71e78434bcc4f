/** JWTs that are verified here: each algorithm, each claim; and that none of them ever goes to the provider. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type JWTPayload, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/core/clock.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/process.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { checksUnderTest } from './checks-under-test.js';

const user = 'testuser@example.org';
const issuer = 'https://idp.example';
const now = Date.parse('2026-11-26T12:00:00Z');
const clock: Clock = { ...systemClock, now: () => now };
const seconds = now / 1000;
const invalid = 'refused: {"status":"invalid_token"}';
const claims = { iss: issuer, aud: 'mail', sub: user, iat: seconds - 10, exp: seconds + 300 };
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let directory: TemporaryDirectory;
let server: TokenEndpoint;
beforeEach(async () => {
  directory = await temporaryDirectory();
  server = await startTokenEndpoint();
});
afterEach(async () => {
  await server.close();
  await directory.remove();
});

async function put(alg: string, content: string, kid = 'default', azp = 'default'): Promise<void> {
  await mkdir(join(directory.path, azp, alg), { recursive: true });
  await writeFile(join(directory.path, azp, alg, kid), content);
}
const pem = (key: KeyObject) => String(key.export({ type: 'spki', format: 'pem' }));

function sign(payload: JWTPayload, key: KeyObject | Uint8Array = p256.privateKey, header: object = {}) {
  return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', ...header }).sign(key);
}

function local(oauth2: object = {}) {
  const keys = { introspection_mode: 'local', local_validation_key_dict: directory.path };
  return checksUnderTest({ ...keys, issuers: issuer, client_id: 'mail', ...oauth2 }, clock);
}

describe('a JWT with a key of the directory', () => {
  it.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])('is taken with %s', async (alg) => {
    await put(alg, pem(rsa.publicKey));
    expect(await local().token(await sign(claims, rsa.privateKey, { alg }), user)).toBe(user);
  });

  it.each([
    ['ES256', 'P-256'],
    ['ES384', 'P-384'],
    ['ES512', 'P-521'],
  ])('is taken with %s', async (alg, namedCurve) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
    await put(alg, pem(publicKey));
    expect(await local().token(await sign(claims, privateKey, { alg }), user)).toBe(user);
  });

  it.each(['HS256', 'HS384', 'HS512'])('is taken with %s', async (alg) => {
    const secret = randomBytes(64);
    await put(alg, secret.toString('base64'));
    expect(await local().token(await sign(claims, secret, { alg }), user)).toBe(user);
    expect(await local().token(await sign(claims, randomBytes(64), { alg }), user)).toBe(invalid);
  });

  it('is looked for by azp and kid', async () => {
    await put('ES256', pem(p256.publicKey), 'Zm9vb2Jhcgo', 'issuer.net-dovecot');
    const header = { kid: 'Zm9vb2Jhcgo' };
    const azp = 'issuer.net-dovecot';
    expect(await local().token(await sign({ ...claims, azp }, undefined, header), user)).toBe(user);
    expect(await local().token(await sign(claims, undefined, header), user)).toBe(invalid);
    expect(await local().token(await sign({ ...claims, azp }), user)).toBe(invalid);
    expect(await local().token(await sign({ ...claims, azp: [azp] }, undefined, header), user)).toBe(invalid);
  });

  it('is not taken with a public key used as a shared secret, or without a signature', async () => {
    await put('ES256', pem(p256.publicKey));
    const forged = await sign(claims, Buffer.from(pem(p256.publicKey)), { alg: 'HS256' });
    expect(await local().token(forged, user)).toBe(invalid);
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    expect(await local().token(`${part({ alg: 'none' })}.${part(claims)}.`, user)).toBe(invalid);
    expect(await local().token(`${part({ alg: 'EdDSA' })}.${part(claims)}.AAAA`, user)).toBe(invalid);
  });

  it('cannot be judged with a key that is damaged or of another kind', async () => {
    await put('ES256', 'damaged');
    expect(await local().token(await sign(claims), user)).toMatch(
      /^unavailable: 454 local_validation_key_dict/,
    );
    await put('ES256', pem(rsa.publicKey));
    expect(await local().token(await sign(claims), user)).toMatch(/^unavailable: 454 .*of another kind/);
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
    await put('RS256', pem(short.publicKey));
    const token = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.e30.AAAA`;
    expect(await local().token(token, user)).toMatch(/^unavailable: 454 a JWT cannot be verified/);
  });
});

describe('what a JWT must say', () => {
  const without = (name: string) =>
    Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));

  it.each([
    ['exp', without('exp'), invalid],
    ['exp that is past', { ...claims, exp: seconds }, invalid],
    ['exp that is just not past', { ...claims, exp: seconds + 1 }, user],
    ['exp that is a word', { ...claims, exp: 'never' as unknown as number }, invalid],
    ['no nbf', claims, user],
    ['nbf that is to come', { ...claims, nbf: seconds + 60 }, invalid],
    ['nbf by a clock that is a little ahead', { ...claims, nbf: seconds + 20 }, user],
    ['iat that is to come', { ...claims, iat: seconds + 60 }, invalid],
    ['no iat', without('iat'), user],
    ['iss', without('iss'), invalid],
    ['iss of another', { ...claims, iss: 'https://evil.example' }, invalid],
    ['aud', without('aud'), invalid],
    ['aud of another client', { ...claims, aud: 'chat' }, invalid],
    ['aud among others', { ...claims, aud: ['chat', 'mail'] }, user],
    ['sub', without('sub'), invalid],
    ['sub that is no name', { ...claims, sub: 7 as unknown as string, email: user }, invalid],
    ['sub of another user', { ...claims, sub: 'other@example.org' }, invalid],
    ['email before sub', { ...claims, email: 'other@example.org' }, invalid],
    ['active', { ...claims, active: false }, invalid],
  ])('%s', async (_what, payload, expected) => {
    await put('ES256', pem(p256.publicKey));
    expect(await local().token(await sign(payload), user)).toBe(expected);
  });

  it('scope, in place of aud or beside it', async () => {
    await put('ES256', pem(p256.publicKey));
    const checks = local({ client_id: '', scope: 'smtp' });
    expect(await checks.token(await sign({ ...claims, aud: 'chat', scope: 'smtp imap' }), user)).toBe(user);
    const insufficient = 'refused: {"status":"insufficient_scope","scope":"smtp"}';
    expect(await checks.token(await sign({ ...claims, scope: 'imap' }), user)).toBe(insufficient);
    expect(await checks.token(await sign(claims), user)).toBe(insufficient);
  });

  it('the attribute that was chosen, and then no sub in its place', async () => {
    await put('ES256', pem(p256.publicKey));
    const checks = local({ username_attribute: 'upn' });
    expect(await checks.token(await sign({ ...claims, sub: 'x', upn: user }), user)).toBe(user);
    expect(await checks.token(await sign(claims), user)).toBe(invalid);
  });
});

describe('with local, other tokens', () => {
  it('go to introspection_url by a form, while no JWT ever does', async () => {
    await put('ES256', pem(p256.publicKey));
    server.script({ body: { active: true, email: user } });
    const checks = local({ introspection_url: server.url.href });
    expect(await checks.token('opaque.token', user)).toBe(user);
    expect(server.requests.map(({ form }) => form.get('token'))).toEqual(['opaque.token']);
    const damaged = `${await sign(claims)}=`;
    const unnamed = `e30.${damaged.split('.')[1]}.AAAA`;
    const expired = await sign({ ...claims, exp: 1 });
    for (const bad of [damaged, unnamed, expired, await sign(claims, undefined, { kid: 'unknown' })])
      expect(await checks.token(bad, user)).toBe(invalid);
    expect(server.requests).toHaveLength(1);
  });

  it('go by introspection_mode where keys are named beside it', async () => {
    server.script({ body: { email: user } });
    const checks = local({ introspection_mode: 'auth', introspection_url: server.url.href });
    expect(await checks.token('opaque', user)).toBe(user);
    expect(server.requests[0]!.headers.authorization).toBe('Bearer opaque');
  });

  it('are refused where no URL is named', async () => {
    const checks = local();
    expect(await checks.token('opaque', user)).toBe(invalid);
    expect(checks.log).toEqual(['debug: token refused: the token is no JWT']);
  });
});

describe('jwks_url', () => {
  const published = (kid: string, key = p256.publicKey) => ({
    ...key.export({ format: 'jwk' }),
    kid,
    alg: 'ES256',
  });
  const remote = () => local({ local_validation_key_dict: '', jwks_url: server.url.href });

  it('gives keys, which are asked for once', async () => {
    server.script({ body: { keys: [published('one')] } });
    const checks = remote();
    for (const iat of [seconds - 1, seconds - 2])
      expect(await checks.token(await sign({ ...claims, iat }, undefined, { kid: 'one' }), user)).toBe(user);
    expect(await checks.token(await sign(claims, undefined, { kid: 'other' }), user)).toBe(invalid);
    expect(server.requests).toHaveLength(1);
  });

  it('gives those that the directory does not have', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await put('ES256', pem(publicKey), 'mine');
    server.script({ body: { keys: [published('one')] } });
    const checks = local({ jwks_url: server.url.href });
    expect(await checks.token(await sign(claims, privateKey, { kid: 'mine' }), user)).toBe(user);
    expect(server.requests).toHaveLength(0);
    expect(await checks.token(await sign(claims, undefined, { kid: 'one' }), user)).toBe(user);
  });

  it('gives several keys, each of which a token may be of that names none', async () => {
    const [other, stranger] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
    server.script({ body: { keys: [published('one'), published('two', other!.publicKey)] } });
    const checks = remote();
    for (const key of [p256.privateKey, other!.privateKey])
      expect(await checks.token(await sign(claims, key), user)).toBe(user);
    expect(await checks.token(await sign(claims, stranger!.privateKey), user)).toBe(invalid);
    expect(await checks.token(await sign({ ...claims, aud: 'x' }, other!.privateKey), user)).toBe(invalid);
    expect(await checks.token(await sign(claims, other!.privateKey, { kid: 'one' }), user)).toBe(invalid);
  });

  it('gives no key of an algorithm that is not Dovecot’s', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    server.script({ body: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'EdDSA' }] } });
    const token = await sign(claims, privateKey, { alg: 'EdDSA', kid: 'one' });
    expect(await remote().token(token, user)).toBe(invalid);
  });

  it('gives no shared secret', async () => {
    const secret = randomBytes(32);
    server.script({
      body: { keys: [{ kty: 'oct', k: secret.toString('base64url'), kid: 'one', alg: 'HS256' }] },
    });
    expect(await remote().token(await sign(claims, secret, { alg: 'HS256', kid: 'one' }), user)).toBe(
      invalid,
    );
    expect(server.requests).toHaveLength(0);
  });

  it.each([{ status: 500 }, { body: 'no JSON' }, { body: { keys: 'none' } }, 'reset'] as const)(
    'that gives no keys refuses nobody: %j',
    async (step) => {
      server.script(step, { body: { keys: [published('one')] } });
      const checks = remote();
      const token = await sign(claims, undefined, { kid: 'one' });
      expect(await checks.token(token, user)).toMatch(
        /^unavailable: 454 (jwks_url: |a JWT cannot be verified)/,
      );
      expect(await checks.token(token, user)).toBe(user);
    },
  );
});
