/** Tokens that nobody signs in for, from real OpenID providers, of which one checks as Google does. */
import { createHash, createPublicKey, randomUUID, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UnattendedGrant } from '../../src/accounts/account.js';
import { Secret } from '../../src/core/secret.js';
import { requestGrant } from '../../src/oauth/grant.js';
import { type Certificate, createCertificateAuthority } from '../support/certificates.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/process.js';
import { oauthClient, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { startApplicationProvider, type ApplicationProvider } from './application-provider.js';
import { type GoogleProvider, startGoogleProvider } from './google-provider.js';

const appScope = 'https://outlook.example/.default';
let directory: TemporaryDirectory;
let certificate: Certificate;
let other: Certificate;
beforeAll(async () => {
  directory = await temporaryDirectory();
  const authority = await createCertificateAuthority(directory.path);
  certificate = await authority.issue('app');
  other = await authority.issue('other');
});
afterAll(() => directory.remove());

function clientCredentials(files?: {
  certificateFile: string;
  keyFile: string;
  passphrase?: Secret;
}): UnattendedGrant {
  return {
    kind: 'client-credentials',
    scope: appScope,
    certificate: files && { passphrase: undefined, ...files },
  };
}

describe('client credentials at a real provider', () => {
  let provider: ApplicationProvider;
  beforeAll(async () => {
    provider = await startApplicationProvider({ certificate: certificate.certificate, scope: appScope });
  });
  afterAll(() => provider.close());

  const client = (clientId: string, clientSecret = '') =>
    oauthClient(provider.tokenEndpoint, { clientId, clientSecret: new Secret(clientSecret) });

  it('are a secret', async () => {
    const { clientId, clientSecret } = provider.withSecret;
    const outcome = await requestGrant(client(clientId, clientSecret), clientCredentials());
    expect(outcome).toMatchObject({ kind: 'refreshed', refreshToken: undefined, lifetimeKnown: true });
  });

  it('are a certificate and its key', async () => {
    const outcome = await requestGrant(
      client(provider.withCertificate.clientId),
      clientCredentials(certificate),
    );
    expect(outcome).toMatchObject({ kind: 'refreshed' });
  });

  it('are a certificate where only the issuer is known', async () => {
    const issuer = new URL(provider.tokenEndpoint.origin);
    const { clientId } = provider.withCertificate;
    const outcome = await requestGrant(
      oauthClient(issuer, { clientId, issuer }),
      clientCredentials(certificate),
    );
    expect(outcome).toMatchObject({ kind: 'refreshed' });
  });

  it('are a key with a passphrase', async () => {
    const keyFile = join(directory.path, 'encrypted.key');
    const { createPrivateKey } = await import('node:crypto');
    const pem = createPrivateKey(certificate.key).export({
      ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' },
    });
    await writeFile(keyFile, pem);
    const files = { certificateFile: certificate.certificateFile, keyFile };
    const by = (passphrase: string) =>
      requestGrant(
        client(provider.withCertificate.clientId),
        clientCredentials({ ...files, passphrase: new Secret(passphrase) }),
      );
    expect(await by('open sesame')).toMatchObject({ kind: 'refreshed' });
    expect(await by('wrong')).toMatchObject({ kind: 'misconfigured', advice: 'check key_passphrase' });
  });

  it('are refused when they are wrong, with advice', async () => {
    const { clientId } = provider.withSecret;
    expect(await requestGrant(client(clientId, 'wrong'), clientCredentials())).toMatchObject({
      kind: 'misconfigured',
      advice: expect.stringContaining('client_secret') as string,
    });
    expect(
      await requestGrant(client(provider.withCertificate.clientId), clientCredentials(other)),
    ).toMatchObject({ kind: 'misconfigured' });
  });
});

describe('a certificate', () => {
  let endpoint: TokenEndpoint;
  beforeEach(async () => {
    endpoint = await startTokenEndpoint();
  });
  afterEach(() => endpoint.close());

  const ask = (files: { certificateFile: string; keyFile: string }) =>
    requestGrant(oauthClient(endpoint.url), clientCredentials(files));

  it('signs an assertion for the token endpoint, which names it by its SHA-256', async () => {
    await ask(certificate);
    const form = endpoint.requests[0]!.form;
    expect(form.get('grant_type')).toBe('client_credentials');
    expect(form.get('scope')).toBe(appScope);
    const assertion = form.get('client_assertion') ?? '';
    const x509 = new X509Certificate(certificate.certificate);
    expect(decodeProtectedHeader(assertion)).toMatchObject({
      alg: 'ES256',
      'x5t#S256': createHash('sha256').update(x509.raw).digest('base64url'),
    });
    const { payload } = await jwtVerify(assertion, createPublicKey(certificate.certificate));
    expect(payload).toMatchObject({ iss: 'client-1', sub: 'client-1', aud: endpoint.url.href });
  });

  it('that cannot be used is the configuration’s fault, and nobody is asked', async () => {
    const missing = join(directory.path, 'missing.pem');
    const broken = join(directory.path, 'broken.pem');
    await writeFile(broken, 'not a certificate');
    const { certificateFile, keyFile } = certificate;
    for (const [files, reason] of [
      [{ certificateFile: missing, keyFile }, /cannot read .*missing\.pem: ENOENT/],
      [{ certificateFile: broken, keyFile }, /broken\.pem is no PEM certificate/],
      [{ certificateFile, keyFile: broken }, /broken\.pem is no PEM key/],
      [{ certificateFile, keyFile: other.keyFile }, /other\.key is not the key of .*app\.pem/],
    ] as const)
      expect(await ask(files)).toMatchObject({
        kind: 'misconfigured',
        reason: expect.stringMatching(reason) as string,
      });
    expect(endpoint.requests).toEqual([]);
  });

  it('that has expired is not sent', async () => {
    const authority = await createCertificateAuthority(join(directory.path, 'old'));
    const old = await authority.issue('old', { validTo: new Date(Date.now() - 1000) });
    expect(await ask(old)).toMatchObject({
      kind: 'misconfigured',
      reason: expect.stringContaining('expired on') as string,
    });
  });
});

describe('a service account', () => {
  let google: GoogleProvider;
  let tokenEndpoint: URL;
  let keyFile: string;

  beforeEach(async () => {
    google = await startGoogleProvider('me@corp.example');
    ({ tokenEndpoint } = google);
    keyFile = join(directory.path, `${randomUUID()}.json`);
    await writeKey({});
  });
  afterEach(() => google.close());

  const writeKey = (changes: object) => writeFile(keyFile, JSON.stringify({ ...google.keyFile, ...changes }));

  const ask = (subject = 'me@corp.example', endpoint?: URL, preset = tokenEndpoint) =>
    requestGrant(oauthClient(preset, { clientId: '' }), {
      kind: 'service-account',
      keyFile,
      subject,
      scope: 'https://mail.google.com/',
      endpoint,
    });

  it('speaks for a mailbox without a client id', async () => {
    const outcome = await ask();
    expect(outcome).toMatchObject({ kind: 'refreshed', lifetimeKnown: true });
    expect(outcome.kind === 'refreshed' && [outcome.accessToken.reveal()]).toEqual(google.given);
  });

  it('asks the endpoint of its key, for which its assertion is, unless the configuration names another', async () => {
    const nowhere = new URL('http://127.0.0.1:1/token');
    expect(await ask(undefined, undefined, nowhere)).toMatchObject({ kind: 'refreshed' });
    await writeKey({ token_uri: nowhere.href });
    expect(await ask()).toMatchObject({ kind: 'transient' });
    expect(await ask(undefined, tokenEndpoint)).toMatchObject({ kind: 'refreshed' });
  });

  it('that may not speak for it is told so', async () => {
    expect(await ask('boss@corp.example')).toMatchObject({
      kind: 'misconfigured',
      reason: expect.stringContaining('unauthorized_client') as string,
    });
  });

  it('whose key cannot be used is the configuration’s fault, and the key is not shown', async () => {
    for (const [text, reason] of [
      [undefined, /cannot read the service account's key/],
      ['{ "private_key": "-----BEGIN SECRET', /it is not JSON$/],
      ['{ "type": "authorized_user" }', /is no key of a service account/],
      [JSON.stringify({ client_email: 'a', private_key: 'SECRET' }), /private_key in .* cannot be used/],
      [
        JSON.stringify({ client_email: 'a', private_key: 'SECRET', token_uri: 'http://example.org/' }),
        /token_uri in .* is no endpoint: plain http/,
      ],
    ] as const) {
      keyFile = join(directory.path, `${randomUUID()}.json`);
      if (text !== undefined) await writeFile(keyFile, text);
      const outcome = await ask();
      expect(outcome).toMatchObject({
        kind: 'misconfigured',
        reason: expect.stringMatching(reason) as string,
      });
      expect(JSON.stringify(outcome)).not.toContain('SECRET');
    }
  });
});
