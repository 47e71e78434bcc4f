/** Ends a sign-in at the provider (RFC 7009): its refresh token is worth nothing afterwards, nor what came of it. */
import type { OAuthClient } from '../accounts/account.js';
import { AppError, describeCause } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { readable } from './classify.js';
import { type HttpAnswer, type HttpOptions, post } from './http.js';
import { parseAnswer, readError } from './normalise.js';

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
