/**
 * Tokens shown to the identity provider, in Dovecot's order: tokeninfo_url says whether a token is valid, and where that
 * does not say whose it is, introspection_url does. A provider that says no has answered; one that says something else
 * has not, and nobody is refused for it.
 */
import type { OAuth2Settings, ProviderUrl } from '../config/oauth2.js';
import { toAppError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { readError } from '../oauth/normalise.js';
import { notAnswered, type ProviderRequest, type ProviderRequests } from './provider-requests.js';
import { areComplete, type Fields, type Look, refused, valueOf } from './token-fields.js';

export type OnlineCheck = (token: Secret) => Promise<Look>;

/** Never rejects. */
export function createOnlineCheck(settings: OAuth2Settings, requests: ProviderRequests): OnlineCheck {
  const { forceIntrospection, introspection, introspectionMode: mode, tokeninfo } = settings;

  async function look(token: Secret): Promise<Look> {
    const validity = tokeninfo
      ? await ask('tokeninfo_url', behind(tokeninfo, token), tokeninfo.credentials === undefined)
      : known({});
    if (validity.kind !== 'known' || introspection === undefined) return validity;
    const { fields } = validity;
    // What one of the two calls inactive is not made active by the other.
    if (valueOf(fields, 'active') === 'false') return validity;
    if (tokeninfo !== undefined && !forceIntrospection && areComplete(fields, settings)) return validity;
    const tokenAlone = mode === 'auth' || (mode === 'get' && introspection.credentials === undefined);
    const more = await ask('introspection_url', introspectionOf(token, introspection, settings), tokenAlone);
    return more.kind === 'known' ? known({ ...fields, ...more.fields }) : more;
  }

  /** @param tokenAlone whether nothing but the token is shown, so that a 401 speaks of it and not of us */
  async function ask(option: string, request: ProviderRequest, tokenAlone: boolean): Promise<Look> {
    const { fields, status } = await requests.ask(option, request);
    const error = fields && readError(fields).error;
    if (error === 'insufficient_scope') return refused(`${option} says insufficient_scope`, error);
    if (error === 'invalid_token' || (tokenAlone && [400, 401, 403].includes(status)))
      return refused(`${option} does not take the token (HTTP ${status})`);
    if (status < 200 || status >= 300 || fields === undefined || error !== undefined)
      throw notAnswered(option, request.url, status, error);
    return known(fields);
  }

  return async (token) => {
    try {
      return await look(token);
    } catch (error) {
      return { kind: 'unavailable', cause: toAppError(error) };
    }
  };
}

function known(fields: Fields): Look & { kind: 'known' } {
  return { kind: 'known', fields, local: false };
}

function introspectionOf(token: Secret, to: ProviderUrl, settings: OAuth2Settings): ProviderRequest {
  switch (settings.introspectionMode) {
    case 'auth':
      return { url: to.url, bearer: token.reveal() };
    case 'get':
      return behind(to, token);
    case 'post':
      return { ...to, form: clientForm({ token: token.reveal() }, to, settings) };
  }
}

/** Dovecot puts the token behind whatever the URL ends with, such as `?access_token=`. */
function behind({ credentials, url }: ProviderUrl, token: Secret): ProviderRequest {
  return { url: new URL(url.href + encodeURIComponent(token.reveal())), credentials };
}

/** With who asks, unless the URL says it. */
export function clientForm(
  fields: Record<string, string>,
  { credentials }: ProviderUrl,
  { clientId, clientSecret }: OAuth2Settings,
): URLSearchParams {
  const form = new URLSearchParams(fields);
  if (credentials !== undefined || clientId === undefined) return form;
  form.set('client_id', clientId);
  if (clientSecret) form.set('client_secret', clientSecret.reveal());
  return form;
}
