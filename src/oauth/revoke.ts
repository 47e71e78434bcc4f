/** Ends a sign-in at the provider (RFC 7009): its refresh token is worth nothing afterwards, nor what came of it. */
import type { OAuthClient } from '../accounts/account.js';
import { AppError, describeCause } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { parseEndpoint } from '../config/values.js';
import { readable } from './classify.js';
import { discover } from './discovery.js';
import { type HttpAnswer, type HttpOptions, post } from './http.js';
import { parseAnswer, readError } from './normalise.js';

/**
 * Where sign-ins at an OpenID provider are ended, as it says itself (RFC 8414, 2); undefined when it names no such
 * place. Throws AppError refresh-transient or client-rejected.
 */
export async function findRevocationEndpoint(
  issuer: URL,
  client: OAuthClient,
  options: HttpOptions = {},
): Promise<URL | undefined> {
  const reply = await discover(issuer, client, options);
  if (reply.kind === 'answered') {
    const { revocation_endpoint: named } = reply.value;
    const endpoint = typeof named === 'string' ? parseEndpoint(named) : undefined;
    return endpoint && 'value' in endpoint ? endpoint.value : undefined;
  }
  const { outcome } = reply;
  const passing = outcome.kind === 'transient';
  const message = `it cannot be found out where to end the sign-in: ${outcome.reason}`;
  throw new AppError(passing ? 'refresh-transient' : 'client-rejected', message, {
    hint: passing ? again : outcome.advice,
  });
}

/** Whether it ended now, or had ended before. Throws AppError refresh-transient or client-rejected. */
export async function requestRevocation(
  client: OAuthClient,
  endpoint: URL,
  refreshToken: Secret,
  options: HttpOptions = {},
): Promise<'revoked' | 'was over'> {
  const { clientId, clientSecret } = client;
  const form = new URLSearchParams({
    token: refreshToken.reveal(),
    token_type_hint: 'refresh_token',
    client_id: clientId,
  });
  if (!clientSecret.isEmpty) form.set('client_secret', clientSecret.reveal());
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  let answer: HttpAnswer;
  try {
    answer = await post(endpoint, headers, form.toString(), client, options);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('refresh-transient', `${endpoint.origin}: ${describeCause(cause)}`, { hint: again });
  }
  const { body, status } = answer;
  if (status >= 200 && status < 300) return 'revoked';
  const { description, error } = readError(parseAnswer(body) ?? {});
  // Google's words; by the RFC, a token that is unknown is no error at all.
  if (error === 'invalid_token') return 'was over';
  const said = readable([error, description].filter(Boolean).join(': '), [refreshToken, clientSecret]);
  const message = `${endpoint.origin} does not end the sign-in: HTTP ${status}${said === '' ? '' : `, ${said}`}`;
  const passing = status === 429 || status >= 500;
  throw new AppError(passing ? 'refresh-transient' : 'client-rejected', message, {
    hint: passing ? again : 'check client_id and client_secret',
  });
}

const again = 'nothing was changed; try again in a moment';
