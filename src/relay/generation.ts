/**
 * One configuration of the relay in service: its ports' settings, and the sessions that began under it, which end
 * under it. What outlives a configuration is handed in: the counts of connections and guesses, the ids.
 */
import type { Socket } from 'node:net';
import { exposureOf, type ListenerSettings } from '../config/listener.js';
import { isLoopbackHost } from '../config/values.js';
import { AppError } from '../core/errors.js';
import type { AttemptLimiter } from '../submission/attempt-limiter.js';
import { Authenticators } from '../submission/authenticators.js';
import { admission } from './client-networks.js';
import { type ConnectionGate, turnAway } from './connection-gate.js';
import type { FloodLog } from '../core/flood-log.js';
import { logLimit, notAdmitted } from './limits.js';
import type { ListeningSocket } from './listening-socket.js';
import { Offers } from './offer.js';
import { permit } from './permitted-accounts.js';
import { ServerCertificate } from './server-certificate.js';
import { ClientSession } from './session.js';
import type { SessionFacts } from './session-facts.js';
import type { SessionContext } from './session-context.js';

export type RelayOptions = Omit<SessionContext, 'floodLog' | 'offers' | 'port'>;

export interface Lasting {
  readonly floodLog: FloodLog;
  readonly gate: ConnectionGate;
  readonly limiter: AttemptLimiter;
  readonly nextId: () => string;
}

export class Generation {
  readonly #options: RelayOptions;
  readonly #lasting: Lasting;
  readonly #offers: Offers;
  readonly #authenticators: Authenticators;
  /** With what is known of each from the start. */
  readonly #sessions = new Map<ClientSession, Pick<SessionFacts, 'openedAt' | 'peer'>>();
  readonly #certificates: ServerCertificate[] = [];
  readonly #onEmpty: (() => void)[] = [];

  constructor(options: RelayOptions, lasting: Lasting) {
    const { clock, directory, logger, pool, settings } = options;
    this.#options = options;
    this.#lasting = lasting;
    this.#offers = new Offers(directory, pool.extensions, settings.limits.messageOctets);
    this.#authenticators = new Authenticators({ clock, logger, limiter: lasting.limiter });
  }

  /**
   * What takes the connections of one port. Throws AppError config-invalid: a certificate that cannot be used, or a
   * port that is open to others without TLS and AUTH.
   */
  async reception(
    settings: ListenerSettings,
    { address }: ListeningSocket,
  ): Promise<(socket: Socket) => void> {
    const { floodLog, gate, nextId } = this.#lasting;
    const { clock, figures } = this.#options;
    const context = await this.#contextOf(settings);
    const where = `${settings.host}:${settings.port}`;
    // A name of this machine, such as localhost, is what DNS and hosts file make of it.
    const exposure = exposureOf({ ...settings, host: address.host });
    if (exposure !== undefined) throw new AppError('config-invalid', `relay.listen: ${where}: ${exposure}`);
    const admits = admission(settings.clients);
    return (socket) => {
      const peer = socket.remoteAddress ?? '';
      const id = nextId();
      const refusal = admits(peer) ? gate.enter(peer) : notAdmitted;
      if (refusal !== undefined) {
        figures.clientsTurnedAway++;
        logLimit(floodLog, refusal, { session: id, peer });
        // Words in clear are no use to a client that waits for TLS.
        return settings.tls === 'implicit' ? socket.destroy() : turnAway(socket, refusal, id);
      }
      const session = new ClientSession(socket, id, context, () => {
        this.#sessions.delete(session);
        figures.clientSessionsEnded++;
        gate.leave(peer);
        if (this.#sessions.size === 0) for (const done of this.#onEmpty.splice(0)) done();
      });
      this.#sessions.set(session, { peer, openedAt: clock.monotonic() });
      figures.clientSessions++;
    };
  }

  /** No more connections come. Resolves when the last session has ended. */
  retire(): Promise<void> {
    for (const certificate of this.#certificates) certificate.close();
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#onEmpty.push(resolve));
  }

  sessions(): readonly SessionFacts[] {
    return [...this.#sessions].map(([{ id, standing }, known]) => ({ id, ...standing, ...known }));
  }

  /** Sessions finish the message in flight, or end at once. */
  shutDown(): void {
    for (const session of this.#sessions.keys()) session.shutDown();
  }

  destroy(): void {
    for (const session of this.#sessions.keys()) session.destroy();
  }

  async #contextOf(settings: ListenerSettings): Promise<SessionContext> {
    const { logger } = this.#options;
    const { floodLog } = this.#lasting;
    const certificate =
      settings.certificate && (await ServerCertificate.open(settings.certificate, this.#options));
    if (certificate !== undefined) this.#certificates.push(certificate);
    const where = `${settings.host}:${settings.port}`;
    if (settings.insecure && !isLoopbackHost(settings.host))
      logger.warn({ port: settings.port }, `all who reach ${where} may send: relay.listen says "insecure"`);
    const authenticator = settings.auth && (await this.#authenticators.open(settings.auth));
    if (authenticator?.mechanisms.length === 0)
      logger.warn(
        { port: settings.port },
        `nobody can sign in at ${where}: its "auth" names neither passwords_file nor oauth2`,
      );
    const refused = (account: string) =>
      floodLog.log('warn', { account, port: settings.port }, 'the account may not be used on this port');
    const { directory } = this.#options;
    return {
      ...this.#options,
      directory: settings.accounts === undefined ? directory : permit(directory, settings.accounts, refused),
      floodLog,
      offers: this.#offers,
      port: { settings, certificate, authenticator },
    };
  }
}
