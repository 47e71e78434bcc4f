/**
 * The relay's ports: a session for each connection that the limits allow. `close` stops accepting, lets messages in
 * flight finish, and cuts what is left after a while.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { AppError, describeCause, systemErrorCode } from '../core/errors.js';
import type { ListenAddress } from '../config/config.js';
import { exposureOf, type ListenerSettings, plainListener } from '../config/listener.js';
import { isLoopbackHost } from '../config/values.js';
import { Authenticators } from '../submission/authenticators.js';
import { admission } from './client-networks.js';
import { ConnectionGate, turnAway } from './connection-gate.js';
import { FloodLog } from './flood-log.js';
import { logLimit, notAdmitted } from './limits.js';
import { Offers } from './offer.js';
import { withinOpenFiles } from './open-files.js';
import { permit } from './permitted-accounts.js';
import { ServerCertificate } from './server-certificate.js';
import { ClientSession } from './session.js';
import type { SessionContext } from './session-context.js';

const defaultPort = 2525;
/** Connections that the kernel may hold ready; where it drops one, its client waits for seconds. */
const backlog = 4096;
/** How long a message in flight may take after a request to stop. */
const drainMs = 30_000;

export interface Relay {
  /** Where it listens; real ports where port 0 was asked for. */
  readonly addresses: readonly ListenAddress[];
  close(): Promise<void>;
}

export type RelayOptions = Omit<SessionContext, 'floodLog' | 'offers' | 'port'>;

/** Throws AppError listen-failed or config-invalid (a certificate); nothing is left open then. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const floodLog = new FloodLog(options.clock, options.logger);
  const limits = await withinOpenFiles(options.settings.limits, options.logger);
  const offers = new Offers(options.directory, options.pool.extensions, limits.messageOctets);
  const gate = new ConnectionGate(limits);
  const authenticators = new Authenticators(options);
  const nextId = sessionIds();
  const sessions = new Set<ClientSession>();
  const servers: Server[] = [];
  const certificates: ServerCertificate[] = [];
  let onEmpty: (() => void) | undefined;
  const open = async (settings: ListenerSettings) => {
    const certificate = settings.certificate && (await ServerCertificate.open(settings.certificate, options));
    if (certificate !== undefined) certificates.push(certificate);
    const where = `${settings.host}:${settings.port}`;
    if (settings.insecure && !isLoopbackHost(settings.host))
      options.logger.warn(
        { port: settings.port },
        `all who reach ${where} may send: relay.listen says "insecure"`,
      );
    const authenticator = settings.auth && (await authenticators.open(settings.auth));
    if (authenticator?.mechanisms.length === 0)
      options.logger.warn(
        { port: settings.port },
        `nobody can sign in at ${where}: its "auth" names neither passwords_file nor oauth2`,
      );
    const admits = admission(settings.clients);
    const directory =
      settings.accounts === undefined
        ? options.directory
        : permit(options.directory, settings.accounts, (account) =>
            floodLog.log(
              'warn',
              { account, port: settings.port },
              'the account may not be used on this port',
            ),
          );
    const context: SessionContext = {
      ...options,
      directory,
      floodLog,
      offers,
      port: { settings, certificate, authenticator },
    };
    const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      const peer = socket.remoteAddress ?? '';
      const refusal = admits(peer) ? gate.enter(peer) : notAdmitted;
      if (refusal !== undefined) {
        options.figures.clientsTurnedAway++;
        logLimit(floodLog, refusal, { peer });
        // Words in clear are no use to a client that waits for TLS.
        return settings.tls === 'implicit' ? socket.destroy() : turnAway(socket, refusal);
      }
      const id = nextId();
      const session = new ClientSession(socket, id, context, () => {
        sessions.delete(session);
        options.figures.clientSessionsEnded++;
        gate.leave(peer);
        if (sessions.size === 0) onEmpty?.();
      });
      sessions.add(session);
      options.figures.clientSessions++;
    });
    await listen(server, settings);
    // Such as EMFILE: one client is turned away, and an error that nobody listens to would end the process.
    server.on('error', (error) =>
      floodLog.log('error', { cause: describeCause(error) }, 'a connection could not be accepted'),
    );
    servers.push(server);
    // A name of this machine, such as localhost, is what DNS and hosts file make of it.
    const exposure = exposureOf({ ...settings, host: addressOf(server).host });
    if (exposure !== undefined) throw new AppError('config-invalid', `relay.listen: ${where}: ${exposure}`);
  };
  const stopListening = () => {
    for (const server of servers) server.close();
    for (const certificate of certificates) certificate.close();
  };
  try {
    if (options.settings.listen === undefined) {
      await open(plainListener({ host: '127.0.0.1', port: defaultPort }));
      await open(plainListener({ host: '::1', port: defaultPort })).catch(ignoreMissingIPv6);
    } else {
      for (const settings of options.settings.listen) await open(settings);
    }
  } catch (error) {
    stopListening();
    for (const session of sessions) session.destroy();
    throw error;
  }
  return {
    addresses: servers.map(addressOf),
    close: async () => {
      stopListening();
      for (const session of sessions) session.shutDown();
      floodLog.close();
      if (sessions.size === 0) return;
      await new Promise<void>((resolve) => {
        const timer = options.clock.setTimer(drainMs, resolve);
        onEmpty = () => {
          timer.cancel();
          resolve();
        };
      });
      for (const session of sessions) session.destroy();
    },
  };
}

/**
 * Six hexadecimal digits that tie the lines of a log together, the same again only after 16 million; they begin anywhere,
 * so that a restart does not repeat the last ids.
 */
function sessionIds(): () => string {
  let next = randomBytes(3).readUIntBE(0, 3);
  return () => {
    next = (next + 1) % 0x100_0000;
    return next.toString(16).padStart(6, '0');
  };
}

function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      reject(
        new AppError('listen-failed', `cannot listen on ${host}:${port}: ${describeCause(error)}`, {
          hint: hintFor(systemErrorCode(error), port),
          cause: error,
        }),
      );
    };
    server.once('error', fail);
    server.listen({ host, port, backlog, ipv6Only: host.includes(':') }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function hintFor(code: string | undefined, port: number): string {
  if (code === 'EADDRINUSE') {
    return `another program has the port, perhaps another mailbearer (ss -ltnp 'sport = :${port}' shows it); stop it or change relay.listen`;
  }
  if (code === 'EACCES')
    return 'ports below 1024 need CAP_NET_BIND_SERVICE; use a higher one, such as 127.0.0.1:2525';
  return 'relay.listen takes an address of this machine: "127.0.0.1:PORT", "[::1]:PORT" or another';
}

function ignoreMissingIPv6(error: unknown): void {
  const code = error instanceof AppError ? systemErrorCode(error.cause) : undefined;
  if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') throw error;
}

function addressOf(server: Server): ListenAddress {
  const address = server.address();
  if (address === null || typeof address === 'string') return { host: '', port: 0 };
  return { host: address.address, port: address.port };
}
