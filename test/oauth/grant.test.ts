/** Tokens that nobody signs in for, from a real OpenID provider and from an endpoint that checks like Google's. */
import { createHash, createPublicKey, generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
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
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let google: Server;
  let tokenEndpoint: URL;
  let keyFile: string;

  beforeEach(async () => {
    google = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        void judge(new URLSearchParams(body)).then(({ status, answer }) =>
          response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer)),
        );
      });
    });
    google.listen(0, '127.0.0.1');
    await once(google, 'listening');
    tokenEndpoint = new URL(`http://127.0.0.1:${(google.address() as AddressInfo).port}/token`);
    keyFile = join(directory.path, `${randomUUID()}.json`);
    await writeKey({});
  });
  afterEach(() => new Promise((resolve) => google.close(resolve)));

  /** As developers.google.com describes what is checked: nothing beside grant type and assertion is sent. */
  async function judge(form: URLSearchParams): Promise<{ status: number; answer: object }> {
    const refuse = (error: string, error_description: string) => ({
      status: 400,
      answer: { error, error_description },
    });
    if ([...form.keys()].toSorted().join() !== 'assertion,grant_type')
      return refuse('invalid_request', 'odd fields');
    try {
      const { payload, protectedHeader } = await jwtVerify(form.get('assertion') ?? '', publicKey, {
        audience: tokenEndpoint.href,
        issuer: 'robot@project.example',
        maxTokenAge: '1h',
      });
      if (protectedHeader.kid !== 'key-1') return refuse('invalid_grant', 'unknown key');
      if (payload['scope'] !== 'https://mail.google.com/') return refuse('invalid_scope', 'scope');
      if (payload.sub !== 'me@corp.example')
        return refuse(
          'unauthorized_client',
          'Client is unauthorized to retrieve access tokens using this method',
        );
      return { status: 200, answer: { access_token: 'ya29.token', expires_in: 3599, token_type: 'Bearer' } };
    } catch (error) {
      return refuse('invalid_grant', String(error));
    }
  }

  const writeKey = (changes: object) =>
    writeFile(
      keyFile,
      JSON.stringify({
        type: 'service_account',
        client_email: 'robot@project.example',
        private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        private_key_id: 'key-1',
        token_uri: tokenEndpoint.href,
        ...changes,
      }),
    );

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
    expect(outcome).toMatchObject({ kind: 'refreshed', expiresInSeconds: 3599 });
    expect(outcome.kind === 'refreshed' && outcome.accessToken.reveal()).toBe('ya29.token');
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
