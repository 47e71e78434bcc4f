/**
 * The checks of all ports, put together as each asks for. What ports share there is once: the count of guesses, so
 * that nobody has more of them for coming to several ports, and the passwords files with the work that they make. What
 * verifies tokens is loaded only where it is needed.
 */
import type { ListenerAuthSettings } from '../config/listener.js';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { AttemptLimiter } from './attempt-limiter.js';
import { Authenticator } from './authenticator.js';
import type { BearerCheck } from './identity.js';
import { FilePasswords, passwordTurns } from './passwords.js';

export interface AuthenticatorMeans {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Counts guesses; it outlives a configuration. */
  readonly limiter: AttemptLimiter;
}

export class Authenticators {
  readonly #means: AuthenticatorMeans;
  readonly #turns = passwordTurns();
  /** By path. */
  readonly #files = new Map<string, FilePasswords>();

  constructor(means: AuthenticatorMeans) {
    this.#means = means;
  }

  /** Of one port. */
  async open({ oauth2, passwordsFile, upstreamToken }: ListenerAuthSettings): Promise<Authenticator> {
    const { clock, limiter, logger } = this.#means;
    const checks = oauth2 && (await import('./bearer.js')).createOAuth2Checks(oauth2, clock, logger);
    if (upstreamToken === 'client')
      return new Authenticator({ limiter, passwords: [], bearer: checks?.bearer ?? leftToUpstream });
    const file = passwordsFile === undefined ? [] : [this.#file(passwordsFile)];
    const granted = checks?.password === undefined ? [] : [checks.password];
    return new Authenticator({ limiter, passwords: [...file, ...granted], bearer: checks?.bearer });
  }

  #file(path: string): FilePasswords {
    const file = this.#files.get(path) ?? new FilePasswords(path, this.#means.logger, this.#turns);
    this.#files.set(path, file);
    return file;
  }
}

/** Whose token it is, the upstream server says; it must be told a name. */
const leftToUpstream: BearerCheck = {
  check: (user, token) =>
    Promise.resolve(
      user === undefined || token.reveal() === ''
        ? { kind: 'refused' }
        : { kind: 'accepted', identity: { user, senders: undefined, accounts: undefined, token } },
    ),
};
