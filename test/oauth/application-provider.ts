/** A real OpenID provider whose clients are applications: one signs in with a secret, one with a certificate. */
import { createPublicKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

export interface ApplicationProvider {
  readonly tokenEndpoint: URL;
  readonly withSecret: { readonly clientId: string; readonly clientSecret: string };
  readonly withCertificate: { readonly clientId: string };
  /** How many requests came. */
  readonly requests: number;
  close(): Promise<void>;
}

/** @param options.certificate PEM */
export async function startApplicationProvider(options: {
  certificate: string;
  scope: string;
}): Promise<ApplicationProvider> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clientSecret = randomBytes(16).toString('hex');
  const application = {
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    scope: options.scope,
  };
  const provider = new Provider(issuer, {
    scopes: [options.scope],
    clientAuthMethods: ['client_secret_post', 'private_key_jwt'],
    clients: [
      {
        ...application,
        client_id: 'with-secret',
        client_secret: clientSecret,
        token_endpoint_auth_method: 'client_secret_post',
      },
      {
        ...application,
        client_id: 'with-certificate',
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [createPublicKey(options.certificate).export({ format: 'jwk' })] },
      },
    ],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  });
  const handle = provider.callback();
  let requests = 0;
  server.on('request', (request, response) => {
    requests++;
    void handle(request, response);
  });
  return {
    get requests() {
      return requests;
    },
    tokenEndpoint: new URL(`${issuer}/token`),
    withSecret: { clientId: 'with-secret', clientSecret },
    withCertificate: { clientId: 'with-certificate' },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
