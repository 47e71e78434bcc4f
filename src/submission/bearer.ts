/**
 * Bearer tokens of XOAUTH2 and OAUTHBEARER, as Dovecot's oauth2 passdb checks them: a JWT here where there are keys, any
 * other token at the provider; and the name that the client gives must be the token's. Says to a client that it refuses
 * what RFC 7628 and Google say; why a check could not be made is for whoever asked to log.
 */
import type { OAuth2Settings } from '../config/oauth2.js';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { AuthVerdict, BearerCheck, BearerMechanism, PasswordCheck } from './identity.js';
import { createOnlineCheck } from './introspection.js';
import { createJwtCheck, isJwt } from './jwt.js';
import { createPasswordGrant } from './password-grant.js';
import { createProviderRequests, type ProviderRequests } from './provider-requests.js';
import { remembering, type TokenCheck } from './token-cache.js';
import { holderOf, refused, type TokenFault } from './token-fields.js';

export interface OAuth2Checks {
  readonly bearer: BearerCheck;
  /** Undefined unless passwords are tried at the provider. */
  readonly password: PasswordCheck | undefined;
}

export function createOAuth2Checks(settings: OAuth2Settings, clock: Clock, log: Logger): OAuth2Checks {
  const requests = createProviderRequests(settings, clock);
  const whose = remembering(createTokenCheck(settings, requests, clock), clock);
  return {
    bearer: createBearerCheck(settings, whose, log),
    password:
      settings.passwordGrant &&
      createPasswordGrant(settings, settings.passwordGrant, { requests, whose, log }),
  };
}

function createTokenCheck(settings: OAuth2Settings, requests: ProviderRequests, clock: Clock): TokenCheck {
  const { introspection, local, tokeninfo } = settings;
  const verify = local && createJwtCheck(settings, local, requests, clock);
  const ask = (introspection ?? tokeninfo) && createOnlineCheck(settings, requests);
  return async (token) => {
    // RFC 6750, 2.1, and what providers make of it. Nothing else can be sent to one.
    if (!/^[\x21-\x7e]+$/.test(token.reveal())) return refused('it is no bearer token');
    const look = verify && isJwt(token) ? verify : ask;
    const found = look === undefined ? refused('the token is no JWT') : await look(token);
    return found.kind === 'known' ? holderOf(found, settings, clock.now()) : found;
  };
}

function createBearerCheck(settings: OAuth2Settings, whose: TokenCheck, log: Logger): BearerCheck {
  return {
    async check(user, token, mechanism, peer): Promise<AuthVerdict> {
      const found = await whose(token);
      if (found.kind === 'unavailable') return found;
      const verdict =
        found.kind === 'held' && user !== undefined && settings.usernameFormat(user) !== found.name
          ? refused('the token is of another user')
          : found;
      if (verdict.kind === 'refused') {
        log.debug({ peer, user, mechanism, reason: verdict.reason }, 'token refused');
        return { kind: 'refused', challenge: challengeFor(verdict.fault, mechanism, settings) };
      }
      const identity = { user: verdict.name, senders: undefined, accounts: undefined, token };
      return { kind: 'accepted', identity };
    },
  };
}

/** RFC 7628, 3.2.2; and developers.google.com/workspace/gmail/imap/xoauth2-protocol, "Error response". */
function challengeFor(fault: TokenFault, mechanism: BearerMechanism, settings: OAuth2Settings): string {
  const scope = settings.scopes.length === 0 ? undefined : settings.scopes.join(' ');
  return JSON.stringify(
    mechanism === 'XOAUTH2'
      ? { status: fault === 'invalid_token' ? '401' : '403', schemes: 'bearer', scope }
      : { status: fault, scope, 'openid-configuration': settings.openidConfigurationUrl },
  );
}
