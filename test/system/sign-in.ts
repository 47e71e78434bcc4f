/**
 * A person signs in at the tests' OpenID provider, by the authorization code flow with PKCE, without mailbearer:
 * these tests are about what happens to the tokens afterwards.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type OpenIdProvider, signIn } from '../../examples/demo/openid-provider.js';

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresInSeconds: number;
}

export async function obtainTokens(
  provider: OpenIdProvider,
  login: string,
  scope = 'openid offline_access smtp',
): Promise<Tokens> {
  const redirectUri = 'http://127.0.0.1/';
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(provider.authorizationEndpoint);
  url.search = String(
    new URLSearchParams({
      client_id: provider.clientId,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    }),
  );
  const arrival = await signIn(url, { login, follow: false });
  const code = new URL(arrival.url).searchParams.get('code');
  if (code === null) throw new Error(`no code in ${arrival.url}\n${arrival.page}`);
  const response = await fetch(provider.tokenEndpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: provider.clientId,
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    }),
  });
  const tokens = (await response.json()) as {
    access_token: string;
    refresh_token: string;
    expires_in: number;
  };
  if (!response.ok) throw new Error(`token endpoint: ${response.status} ${JSON.stringify(tokens)}`);
  return {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    expiresInSeconds: tokens.expires_in,
  };
}
