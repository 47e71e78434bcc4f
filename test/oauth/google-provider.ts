/**
 * A real OpenID provider that takes what Google takes of a service account (JWT bearer, RFC 7523, 2.1), and checks it
 * as developers.google.com describes: nothing beside grant type and assertion is sent, and the assertion says who asks.
 */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { jwtVerify } from 'jose';
import { errors, type KoaContextWithOIDC, Provider } from 'oidc-provider';

export interface GoogleProvider {
  readonly tokenEndpoint: URL;
  /** The key file as Google hands it out; `token_uri` is this provider's. */
  readonly keyFile: Readonly<Record<string, string>>;
  /** Access tokens that were given. */
  readonly given: readonly string[];
  close(): Promise<void>;
}

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const robot = 'robot@project.iam.gserviceaccount.com';
const keyId = 'key-1';

/** @param mailbox the only one for which domain-wide delegation was given */
export async function startGoogleProvider(mailbox: string): Promise<GoogleProvider> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tokenEndpoint = new URL('/token', issuer);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const scope = 'https://mail.google.com/';
  const given: string[] = [];
  const provider = new Provider(issuer, {
    scopes: [scope],
    clients: [
      {
        client_id: robot,
        token_endpoint_auth_method: 'none',
        redirect_uris: [],
        response_types: [],
        grant_types: [grantType],
        scope,
      },
    ],
    clientAuthMethods: ['none'],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  });
  const answer = async (ctx: KoaContextWithOIDC) => {
    const { client, params } = ctx.oidc;
    const { payload, protectedHeader } = await jwtVerify(String(params?.['assertion']), publicKey, {
      audience: tokenEndpoint.href,
      issuer: robot,
      maxTokenAge: '1h',
    });
    if (protectedHeader.kid !== keyId) throw new errors.InvalidGrant('unknown key');
    if (payload['scope'] !== scope) throw new errors.InvalidScope('not granted', String(payload['scope']));
    if (payload.sub !== mailbox)
      throw new errors.CustomOIDCProviderError(
        'unauthorized_client',
        'Client is unauthorized to retrieve access tokens using this method',
      );
    const token = new provider.ClientCredentials({ client: client!, scope });
    const value = await token.save();
    given.push(value);
    ctx.body = { access_token: value, expires_in: token.expiration, token_type: 'Bearer' };
  };
  provider.registerGrantType(grantType, answer, ['assertion']);
  // The library wants a client before it looks at a grant.
  provider.use(async (ctx, next) => {
    const form = new URLSearchParams(await text(ctx.req));
    const isBare = [...form.keys()].toSorted().join() === 'assertion,grant_type';
    if (isBare) form.set('client_id', robot);
    const body = Buffer.from(form.toString());
    ctx.req.headers['content-length'] = String(body.length);
    ctx.req = Readable.from([body]) as typeof ctx.req;
    await next();
  });
  const handle = provider.callback();
  server.on('request', (request, response) => void handle(request, response));
  return {
    tokenEndpoint,
    keyFile: {
      type: 'service_account',
      project_id: 'project',
      private_key_id: keyId,
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      client_email: robot,
      client_id: '104',
      auth_uri: 'https://accounts.google.com/o/oauth2/auth',
      token_uri: tokenEndpoint.href,
      auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
      universe_domain: 'googleapis.com',
    },
    given,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
