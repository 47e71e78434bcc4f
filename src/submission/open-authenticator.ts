/** The checks that a port asks for, put together. What verifies tokens is loaded only where it is needed. */
import type { ListenerAuthSettings } from '../config/listener.js';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { Authenticator } from './authenticator.js';
import type { BearerCheck } from './identity.js';
import { FilePasswords } from './passwords.js';

export async function openAuthenticator(
  { oauth2, passwordsFile, upstreamToken }: ListenerAuthSettings,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<Authenticator> {
  const file = passwordsFile === undefined ? [] : [new FilePasswords(passwordsFile, logger)];
  const checks = oauth2 && (await import('./bearer.js')).createOAuth2Checks(oauth2, clock, logger);
  const granted = checks?.password === undefined ? [] : [checks.password];
  if (upstreamToken === 'client')
    return new Authenticator({ clock, passwords: [], bearer: checks?.bearer ?? leftToUpstream });
  return new Authenticator({ clock, passwords: [...file, ...granted], bearer: checks?.bearer });
}

/** Whose token it is, the upstream server says; it must be told a name. */
const leftToUpstream: BearerCheck = {
  check: (user, token) =>
    Promise.resolve(
      user === undefined
        ? { kind: 'refused' }
        : { kind: 'accepted', identity: { user, senders: undefined, accounts: undefined, token } },
    ),
};
