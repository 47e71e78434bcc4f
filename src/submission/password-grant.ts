/**
 * Passwords of PLAIN and LOGIN tried at the provider's token endpoint (RFC 6749, 4.3), as Dovecot does with
 * use_grant_password. The token that comes back is checked as one that a client brings, for it says whose it is: a
 * provider that takes several names for one user may let nobody choose among them.
 */
import type { OAuth2Settings, ProviderUrl } from '../config/oauth2.js';
import { toAppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { Secret } from '../core/secret.js';
import { readError } from '../oauth/normalise.js';
import type { AuthVerdict, PasswordCheck } from './identity.js';
import { clientForm } from './introspection.js';
import { notAnswered, type ProviderRequests } from './provider-requests.js';
import type { TokenCheck } from './token-cache.js';

export interface PasswordGrantParts {
  readonly requests: ProviderRequests;
  readonly whose: TokenCheck;
  readonly log: Logger;
}

export function createPasswordGrant(
  settings: OAuth2Settings,
  passwordGrant: ProviderUrl,
  { log, requests, whose }: PasswordGrantParts,
): PasswordCheck {
  const { scopes, usernameFormat } = settings;

  /** Undefined when the provider refuses the password. */
  async function tokenFor(username: string, password: Secret): Promise<Secret | undefined> {
    const fields = {
      grant_type: 'password',
      username,
      password: password.reveal(),
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    };
    const form = clientForm(fields, passwordGrant, settings);
    const { status, fields: answer } = await requests.ask('grant_url', { ...passwordGrant, form });
    const token = answer?.['access_token'];
    if (status === 200 && typeof token === 'string') return new Secret(token);
    const error = answer && readError(answer).error;
    if (error === 'invalid_grant') return undefined;
    throw notAnswered('grant_url', passwordGrant.url, status, error);
  }

  return {
    async check(user, password, peer): Promise<AuthVerdict> {
      const refuse = (reason: string): AuthVerdict => {
        log.debug({ peer, user, reason }, 'password refused');
        return { kind: 'refused' };
      };
      try {
        const token = await tokenFor(user, password);
        if (token === undefined) return refuse('grant_url does not take the password');
        const found = await whose(token);
        if (found.kind === 'unavailable') return found;
        if (found.kind === 'refused') return refuse(found.reason);
        if (found.name !== usernameFormat(user)) return refuse('the token is of another user');
        return {
          kind: 'accepted',
          identity: { user: found.name, senders: undefined, accounts: undefined, token },
        };
      } catch (error) {
        return { kind: 'unavailable', cause: toAppError(error) };
      }
    },
  };
}
