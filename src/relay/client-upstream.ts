/**
 * The upstream sessions of one client that sends with its own token: opened with that token and no other, for that
 * client and no other. Where the server wants none of it any more, nothing else is tried.
 */
import type { SubmittingAccount } from '../accounts/account.js';
import { toAppError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { AuthRefused } from '../protocol/smtp/client.js';
import type { LiveAccount } from '../refresh/token-source.js';
import type { AuthVerdict, Identity } from '../submission/identity.js';
import type { AccountLogins } from './account-logins.js';
import { AccountSessions } from './account-sessions.js';
import { ExtensionMemory } from './offer.js';
import type { UpstreamSource } from './pool.js';
import type { RelayFigures } from './figures.js';
import type { SessionContext } from './session-context.js';

type Context = Pick<
  SessionContext,
  'clock' | 'deadlines' | 'directory' | 'figures' | 'hostname' | 'logger' | 'pool' | 'traceDialogue'
>;

export class ClientUpstream implements UpstreamSource {
  readonly live: LiveAccount;
  readonly figures: RelayFigures;
  readonly #sessions: AccountSessions;

  private constructor(account: SubmittingAccount, token: Secret, context: Context) {
    // When it ends is for the server to say.
    const accessToken = { secret: token, expiresAt: Infinity };
    this.live = {
      account,
      tokens: {
        accessToken: () => Promise.resolve(accessToken),
        renew: () => Promise.resolve(undefined),
      },
    };
    const { clock, deadlines, figures, hostname: clientName, logger, traceDialogue } = context;
    this.figures = figures;
    const { signal } = new AbortController();
    const extensions = new ExtensionMemory();
    const turnstile = context.pool.turnstile(account);
    this.#sessions = new AccountSessions(account, {
      ...{ clock, deadlines, figures, logger, clientName, traceDialogue, extensions, signal, turnstile },
    });
  }

  /** At the server of the account that the name has; its own token and login name are not looked at. */
  static of({ token, user }: Identity, context: Context): ClientUpstream | undefined {
    const found = context.directory.lookup(user);
    if (found.kind !== 'usable' || token === undefined) return undefined;
    const { account } = found.live;
    const { mechanism, smtp } = account.submission;
    return new ClientUpstream({ ...account, submission: { mechanism, smtp, user } }, token, context);
  }

  /**
   * What the server says of the token. A session that it was good for is kept for the first message.
   * @param session the id of the client's
   */
  async verdict(identity: Identity, session: string): Promise<AuthVerdict> {
    try {
      const opened = await this.acquire(this.live, { session, isWanted: true });
      opened.release(false);
      return { kind: 'accepted', identity };
    } catch (error) {
      const isGuess = error instanceof AuthRefused;
      if (isGuess && error.isVerdict) return { kind: 'refused', challenge: error.challenge?.text };
      return { kind: 'unavailable', cause: toAppError(error), isGuess };
    }
  }

  acquire(...args: Parameters<UpstreamSource['acquire']>): ReturnType<UpstreamSource['acquire']> {
    return this.#sessions.acquire(...args);
  }

  replace(...args: Parameters<UpstreamSource['replace']>): ReturnType<UpstreamSource['replace']> {
    return this.#sessions.replace(...args);
  }

  refused(_: LiveAccount, ...args: Parameters<AccountLogins['refused']>): void {
    this.#sessions.logins.refused(...args);
  }

  /** The client is gone. One that waits for the reply to a whole message still gets it. */
  close(): void {
    this.#sessions.close();
  }
}
