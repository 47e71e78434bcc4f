/**
 * The OAuth requests of an account, over openid-client; only discovery.ts imports it, too. The library makes the requests
 * and judges normalised successes; transport, and the meaning of every failure, are ours. Plain OAuth 2.0, without an
 * id_token: all that is needed is static and stands in the
 * account, or is found by discovery.ts.
 */
import * as oidc from 'openid-client';
import type { OAuthClient } from '../accounts/account.js';
import { isLoopbackHost } from '../config/values.js';
import { systemClock } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { ClientCertificate } from './certificate.js';
import { classify } from './classify.js';
import { exchange, refusalIn } from './exchange.js';
import { locate } from './discovery.js';
import type { HttpOptions } from './http.js';
import {
  assumedLifetimeSeconds,
  defaultIntervalSeconds,
  type Fields,
  normaliseDeviceAuthorization,
  normaliseToken,
} from './normalise.js';
import { addressesIn } from './identity.js';
import type { Refused, RefreshOutcome } from './outcome.js';

export type Granted = Extract<RefreshOutcome, { kind: 'refreshed' }> & {
  /** Of who signed in, where the answer says so. */
  readonly addresses?: readonly string[];
};

/**
 * RFC 6749 section 6. Never rejects for anything that the network or the server does, nor for an aborted signal:
 * that is `transient`, and whether the server has rotated the token is then unknown.
 */
export async function requestRefresh(
  client: OAuthClient,
  refreshToken: Secret,
  options: HttpOptions = {},
): Promise<RefreshOutcome> {
  const scope = client.refreshScope;
  const reply = await requestToken(client, [refreshToken], options, (config) =>
    oidc.refreshTokenGrant(config, refreshToken.reveal(), scope === undefined ? {} : { scope }),
  );
  return reply.kind === 'refused' ? reply.outcome : reply;
}

/**
 * RFC 6749 section 4.4: the application's own token. `assertion` makes of the header and key of a certificate what
 * RFC 7523 section 2.2 wants; without it the client's secret is sent. Never rejects for what the network does.
 */
export async function requestClientCredentials(
  client: OAuthClient,
  scope: string | undefined,
  certificate: ClientCertificate | undefined,
  options: HttpOptions = {},
): Promise<RefreshOutcome> {
  const authenticate = certificate && withCertificate(certificate);
  const reply = await requestToken(
    client,
    [],
    options,
    (config) => oidc.clientCredentialsGrant(config, scope === undefined ? {} : { scope }),
    authenticate,
  );
  return reply.kind === 'refused' ? reply.outcome : reply;
}

/** How a client shows who it is, once its token endpoint is known. */
type Authenticate = (client: OAuthClient) => oidc.ClientAuth;

function withCertificate({ key, thumbprint }: ClientCertificate): Authenticate {
  return ({ tokenEndpoint }) =>
    oidc.PrivateKeyJwt(key, {
      [oidc.modifyAssertion]: (header, payload) => {
        // By which Microsoft finds the certificate (RFC 7515, 4.1.8).
        header['x5t#S256'] = thumbprint;
        // Whom it is for: RFC 7523, 3 names the token endpoint; the issuer that the library knows is not a real one.
        payload['aud'] = tokenEndpoint.href;
      },
    });
}

/** Neither id nor secret is sent. */
const asNobody: Authenticate = () => () => undefined;

/** RFC 7523 section 2.1. The assertion says who asks, so that the client needs no authentication of its own. */
export async function requestJwtBearer(
  client: OAuthClient,
  assertion: Secret,
  options: HttpOptions = {},
): Promise<RefreshOutcome> {
  const reply = await requestToken(
    client,
    [assertion],
    options,
    (config) =>
      oidc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:jwt-bearer', {
        assertion: assertion.reveal(),
      }),
    asNobody,
  );
  return reply.kind === 'refused' ? reply.outcome : reply;
}

/** An authorization request, and how to redeem the code that it brings. */
export interface Authorization {
  readonly url: URL;
  /** Random; the answer must carry it. */
  readonly state: string;
  /** RFC 6749 section 4.1.3, with the PKCE verifier (RFC 7636) that belongs to the request. */
  redeem(code: Secret, options?: HttpOptions): Promise<Granted | Refused>;
}

/** `parameters` are the provider's own; they cannot override ours. */
export async function prepareAuthorization(
  client: OAuthClient,
  authorizationEndpoint: URL,
  redirectUri: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Authorization> {
  const state = oidc.randomState();
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const config = configure(client, { authorization_endpoint: authorizationEndpoint });
  const url = oidc.buildAuthorizationUrl(config, {
    ...parameters,
    redirect_uri: redirectUri,
    state,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  return {
    url,
    state,
    redeem(code, options = {}) {
      // State was checked with the answer (login-answer.ts). The library's own function for this grant would add a
      // slash to http://localhost:PORT, and the redirect must be the same to the letter (RFC 6749, 4.1.3).
      return requestToken(client, [code, new Secret(pkceCodeVerifier)], options, (tokenConfig) =>
        oidc.genericGrantRequest(tokenConfig, 'authorization_code', {
          code: code.reveal(),
          redirect_uri: redirectUri,
          code_verifier: pkceCodeVerifier,
        }),
      );
    },
  };
}

export interface DeviceAuthorization {
  readonly kind: 'device';
  readonly deviceCode: Secret;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string | undefined;
  readonly expiresInSeconds: number;
  readonly intervalSeconds: number;
}

/** RFC 8628 section 3.1. */
export async function requestDeviceAuthorization(
  client: OAuthClient,
  deviceAuthorizationEndpoint: URL,
  parameters: Readonly<Record<string, string>>,
  options: HttpOptions = {},
): Promise<DeviceAuthorization | Refused> {
  const endpoints = { device_authorization_endpoint: deviceAuthorizationEndpoint };
  const reply = await ask(client, endpoints, [], normaliseDeviceAuthorization, options, (config) =>
    oidc.initiateDeviceAuthorization(config, parameters),
  );
  if (reply.kind === 'refused') return reply;
  const { value } = reply;
  return {
    kind: 'device',
    deviceCode: new Secret(value.device_code),
    userCode: value.user_code,
    verificationUri: value.verification_uri,
    verificationUriComplete: value.verification_uri_complete,
    expiresInSeconds: value.expires_in,
    intervalSeconds: value.interval ?? defaultIntervalSeconds,
  };
}

/** RFC 8628 section 3.4, once; "not yet" comes back as a refusal with `authorization_pending` or `slow_down`. */
export function pollDeviceAuthorization(
  client: OAuthClient,
  deviceCode: Secret,
  options: HttpOptions = {},
): Promise<Granted | Refused> {
  return requestToken(client, [deviceCode], options, (config) =>
    oidc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:device_code', {
      device_code: deviceCode.reveal(),
    }),
  );
}

/** Endpoints beside the token endpoint, by their names in RFC 8414. */
type Endpoints = Partial<Record<'authorization_endpoint' | 'device_authorization_endpoint', URL>>;

async function requestToken(
  client: OAuthClient,
  secrets: readonly Secret[],
  options: HttpOptions,
  request: (config: oidc.Configuration) => Promise<oidc.TokenEndpointResponse>,
  authenticate?: Authenticate,
): Promise<Granted | Refused> {
  let addresses: readonly string[] = [];
  const normalise = (fields: Fields) => {
    addresses = addressesIn(fields);
    return normaliseToken(fields);
  };
  const reply = await ask(client, {}, secrets, normalise, options, request, authenticate);
  if (reply.kind === 'refused') return reply;
  const { access_token, refresh_token, expires_in } = reply.value;
  const refreshLife = reply.value['refresh_token_expires_in'];
  return {
    kind: 'refreshed',
    accessToken: new Secret(access_token),
    refreshToken: refresh_token === undefined ? undefined : new Secret(refresh_token),
    expiresInSeconds: expires_in ?? assumedLifetimeSeconds,
    lifetimeKnown: expires_in !== undefined,
    ...(typeof refreshLife === 'number' && { refreshTokenExpiresInSeconds: refreshLife }),
    ...(addresses.length > 0 && { addresses }),
  };
}

/** Runs one request of the library's; no words of a refusal hold `secrets` or the client's own. */
async function ask<T>(
  client: OAuthClient,
  endpoints: Endpoints,
  secrets: readonly Secret[],
  normalise: (fields: Fields) => Fields,
  options: HttpOptions,
  request: (config: oidc.Configuration) => Promise<T>,
  authenticate?: Authenticate,
): Promise<{ readonly kind: 'answered'; readonly value: T } | Refused> {
  const assertions: Secret[] = [];
  try {
    const target = await locate(client, options);
    if ('kind' in target) return target;
    const config = configure(target, endpoints, authenticate);
    // The library's own time-out signal is left aside: http.ts has one, on the clock that was handed in.
    config[oidc.customFetch] = async (url, { headers, body }) => {
      const fields = body as URLSearchParams;
      // The library makes it of a certificate's key, and whoever has it can sign in while it lasts.
      const assertion = fields.get('client_assertion');
      if (assertion !== null) assertions.push(new Secret(assertion));
      const form = fields.toString();
      return Response.json(await exchange(new URL(url), headers, form, client, normalise, options));
    };
    return { kind: 'answered', value: await request(config) };
  } catch (thrown) {
    const refusal = refusalIn(thrown);
    const now = (options.clock ?? systemClock).now();
    const outcome = classify(refusal, { now, secrets: [...secrets, ...assertions, client.clientSecret] });
    return { kind: 'refused', error: refusal.kind === 'answer' ? refusal.error : undefined, outcome };
  }
}

function configure(
  client: OAuthClient,
  endpoints: Endpoints,
  authenticate: Authenticate = withSecret,
): oidc.Configuration {
  // A service account's assertion stands for the client, too; the library wants some name all the same.
  const clientId = client.clientId || 'none';
  if (client.clientId === '' && authenticate !== asNobody)
    throw new AppError('account-incomplete', 'client_id is empty', {
      hint: 'set client_id to the one of your registration at the provider',
    });
  const server = {
    // The library wants an issuer; without id_token and `iss` it is compared with nothing.
    issuer: client.tokenEndpoint.origin,
    token_endpoint: client.tokenEndpoint.href,
    ...Object.fromEntries(Object.entries(endpoints).map(([name, { href }]) => [name, href])),
  };
  const config = new oidc.Configuration(server, clientId, undefined, authenticate(client));
  for (const endpoint of [client.tokenEndpoint, ...Object.values(endpoints)]) {
    if (endpoint.protocol !== 'http:') continue;
    if (!isLoopbackHost(endpoint.hostname))
      throw new AppError('config-invalid', `plain http to ${endpoint.host} would send secrets in clear`, {
        hint: 'name the https endpoint; http is only for servers on this machine',
      });
    oidc.allowInsecureRequests(config);
  }
  return config;
}

/** In the form, not as Basic: what sasl-xoauth2 does, and what every provider takes (RFC 6749 section 2.3.1). */
function withSecret({ clientSecret }: OAuthClient): oidc.ClientAuth {
  return clientSecret.isEmpty ? oidc.None() : oidc.ClientSecretPost(clientSecret.reveal());
}
