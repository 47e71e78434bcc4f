// @ts-check
/**
 * A real OpenID provider (oidc-provider) in this process, on 127.0.0.1 and a free port: authorization code with
 * PKCE, device flow, refresh tokens and their revocation, introspection for a mail server. It stands in for Google or Microsoft in the
 * demo and in the tests, keeps everything in memory, and logs which requests came, never a secret.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { devicePages, interactionPages, interactionPath, mailResource } from './openid-pages.js';
import { allowHaste, logRequests, stripEmptyCredentials } from './openid-requests.js';
import { createStore } from './openid-store.js';

export { approveDevice, signIn } from './openid-browser.js';

/**
 * @typedef {object} OpenIdAccount
 * @property {string} sub
 * @property {string} email What is typed at sign-in, and `username` and `email` in introspection answers.
 */

/**
 * @typedef {object} OpenIdProviderOptions
 * @property {OpenIdAccount[]} [accounts] Who can sign in; default one, alice@example.test.
 * @property {string} [clientId] Default `mailbearer-demo`.
 * @property {string} [clientSecret] Empty (the default) makes it a public client.
 * @property {string} [scope] What the client may ask for; default `openid email offline_access smtp`.
 * @property {number} [accessTokenSeconds] Life of an access token; default 3600.
 * @property {boolean} [rotate] Each refresh gives a new refresh token, and a used one that comes back ends the
 * whole grant (RFC 9700 section 4.14.2); default false.
 * @property {string[]} [redirectUris] Registered beside the loopback ones.
 * @property {boolean} [userinfo] Who signed in stands behind the userinfo endpoint, as OpenID Connect has it, and not
 * in the id_token; default false.
 * @property {'opaque' | 'jwt'} [mailTokens] Access tokens are for the resource server `mail` (RFC 8707), with no scope but
 * `smtp`: opaque ones, or JWTs (RFC 9068). By default they are for userinfo and introspection.
 * @property {boolean} [refreshTokens] Whether sign-in gives a refresh token at all; default true.
 */

/**
 * @typedef {object} OpenIdProvider
 * @property {string} issuer
 * @property {string} authorizationEndpoint
 * @property {string} tokenEndpoint
 * @property {string} deviceAuthorizationEndpoint
 * @property {string} introspectionEndpoint
 * @property {string} clientId
 * @property {string} clientSecret
 * @property {{ clientId: string, clientSecret: string }} mailServer Who may introspect; Basic or in the form.
 * @property {import('./openid-requests.js').LoggedRequest[]} requests What was asked, in order.
 * @property {() => Promise<void>} endSessions Ends every grant, as a changed password does.
 * @property {() => Promise<void>} close
 */

const routes = {
  authorization: '/authorize',
  token: '/token',
  device_authorization: '/device/code',
  code_verification: '/device',
  introspection: '/introspect',
  revocation: '/revoke',
};

/** Lives of what is not worth an option. Seconds. */
const minute = 60;
const day = 86_400;

/**
 * @param {OpenIdProviderOptions} [options]
 * @returns {Promise<OpenIdProvider>}
 */
export async function startOpenIdProvider(options = {}) {
  const accounts = options.accounts ?? [{ sub: 'alice', email: 'alice@example.test' }];
  const clientId = options.clientId ?? 'mailbearer-demo';
  const clientSecret = options.clientSecret ?? '';
  const scope = options.scope ?? 'openid email offline_access smtp';
  const mailServer = { clientId: 'mail-server', clientSecret: randomBytes(16).toString('hex') };
  const store = createStore();

  // The issuer names the port, so the port must be known before there is a provider.
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;

  const Provider = await loadProvider();
  const provider = new Provider(issuer, {
    adapter: store.adapter,
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    routes,
    scopes: scope.split(' '),
    claims: { email: ['email'] },
    // As Google and Microsoft do: what the scope asks for stands in the id_token.
    conformIdTokenClaims: options.userinfo ?? false,
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clients: [
      {
        client_id: clientId,
        ...(clientSecret === '' ? {} : { client_secret: clientSecret }),
        token_endpoint_auth_method: clientSecret === '' ? 'none' : 'client_secret_post',
        // A native client's loopback redirect may name any port (RFC 8252 section 7.3).
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/', 'http://localhost', ...(options.redirectUris ?? [])],
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        response_types: ['code'],
      },
      {
        client_id: mailServer.clientId,
        client_secret: mailServer.clientSecret,
        redirect_uris: [],
        grant_types: [],
        response_types: [],
      },
    ],
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true, ...devicePages },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client) => client.clientId === mailServer.clientId,
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      userinfo: { enabled: options.userinfo ?? false },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: {
        enabled: options.mailTokens !== undefined,
        defaultResource: () => mailResource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'smtp',
          audience: 'mail',
          accessTokenFormat: options.mailTokens ?? 'opaque',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    interactions: { url: (_ctx, interaction) => interactionPath(interaction.uid) },
    findAccount: (_ctx, sub) => {
      const account = accounts.find((candidate) => candidate.sub === sub);
      return account && { accountId: sub, claims: () => ({ sub, email: account.email }) };
    },
    // For an opaque token these are what introspection says beside `active` and `sub`.
    extraTokenClaims: (_ctx, token) => {
      const email = accounts.find(({ sub }) => 'accountId' in token && sub === token.accountId)?.email;
      return email === undefined ? undefined : { username: email, email };
    },
    // Like Google with access_type=offline, not like OpenID Connect, which also wants prompt=consent.
    issueRefreshToken: () => options.refreshTokens ?? true,
    rotateRefreshToken: () => options.rotate ?? false,
    ttl: {
      AccessToken: () => options.accessTokenSeconds ?? 3600,
      AuthorizationCode: minute,
      DeviceCode: () => 10 * minute,
      IdToken: () => 10 * minute,
      Interaction: () => 10 * minute,
      RefreshToken: () => day,
      Session: () => day,
      Grant: () => day,
    },
    renderError: (ctx, out) => {
      ctx.type = 'text/plain';
      ctx.body = `${out.error}: ${out.error_description ?? ''}`;
    },
  });

  /** @type {import('./openid-requests.js').LoggedRequest[]} */
  const requests = [];
  provider.use(stripEmptyCredentials(routes.introspection));
  provider.use(logRequests(routes, requests));
  provider.use(allowHaste(routes.device_authorization));
  provider.use(interactionPages(provider, accounts));
  const handle = provider.callback();
  server.on('request', (request, response) => void handle(request, response));

  return {
    issuer,
    authorizationEndpoint: issuer + routes.authorization,
    tokenEndpoint: issuer + routes.token,
    deviceAuthorizationEndpoint: issuer + routes.device_authorization,
    introspectionEndpoint: issuer + routes.introspection,
    clientId,
    clientSecret,
    mailServer,
    requests,
    endSessions: async () => store.clear(),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** oidc-provider works on Node 20, which is what Debian ships, but warns at import; that line helps no one here. */
async function loadProvider() {
  /* oxlint-disable no-console */
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return (await import('oidc-provider')).default;
  } finally {
    console.warn = warn;
  }
  /* oxlint-enable no-console */
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return /** @type {import('oidc-provider').JWK} */ ({
    ...privateKey.export({ format: 'jwk' }),
    use: 'sig',
    alg: 'ES256',
  });
}
