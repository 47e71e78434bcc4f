/** The checks of a port, made from what a configuration would hold, and what they log. */
import { parseConfig } from '../../src/config/parse.js';
import { type Clock, systemClock } from '../../src/core/clock.js';
import { Secret } from '../../src/core/secret.js';
import { createOAuth2Checks } from '../../src/submission/bearer.js';
import type { AuthVerdict, BearerMechanism } from '../../src/submission/identity.js';
import { recordingLogger } from '../support/recording-logger.js';

export interface ChecksUnderTest {
  /** In short: the name that is accepted, or "refused: CHALLENGE", or "unavailable: MESSAGE". */
  token(token: string, user?: string, mechanism?: BearerMechanism): Promise<string>;
  password(user: string, password: string): Promise<string>;
  /** Level and message, with the reason where there is one. */
  readonly log: readonly string[];
}

export function checksUnderTest(oauth2: object, clock: Clock = systemClock): ChecksUnderTest {
  const listen = [{ address: '127.0.0.1:2525', auth: { oauth2 } }];
  const settings = parseConfig({ relay: { listen } }, undefined).config.relay.listen![0]!.auth!.oauth2!;
  const logger = recordingLogger();
  const { bearer, password } = createOAuth2Checks(settings, clock, logger);
  return {
    get log() {
      return logger.lines.map(({ level, message, fields: { reason } }) =>
        [level, message, ...(typeof reason === 'string' ? [reason] : [])].join(': '),
      );
    },
    token: async (token, user, mechanism = 'OAUTHBEARER') =>
      inShort(await bearer.check(user, new Secret(token), mechanism, '192.0.2.1')),
    async password(user, word) {
      if (password === undefined) throw new Error('there are no passwords here');
      return inShort(await password.check(user, new Secret(word), '192.0.2.1'));
    },
  };
}

function inShort(verdict: AuthVerdict): string {
  switch (verdict.kind) {
    case 'accepted':
      return verdict.identity.user;
    case 'refused':
      return `refused: ${verdict.challenge}`;
    case 'unavailable':
      return `unavailable: ${verdict.cause.failure.reply.code} ${verdict.cause.message}`;
  }
}
