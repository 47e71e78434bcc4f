/**
 * The relay's ports: a session for each connection that the limits allow. `close` stops accepting, lets messages in
 * flight finish, and cuts what is left after a while.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { AppError, describeCause, systemErrorCode } from '../core/errors.js';
import type { ListenAddress } from '../config/config.js';
import { type ListenerSettings, plainListener } from '../config/listener.js';
import { ConnectionGate, turnAway } from './connection-gate.js';
import { FloodLog } from './flood-log.js';
import { logLimit } from './limits.js';
import { Offers } from './offer.js';
import { withinOpenFiles } from './open-files.js';
import { ClientSession, type SessionContext } from './session.js';

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

export type RelayOptions = Omit<SessionContext, 'floodLog' | 'offers'>;

/** Throws AppError listen-failed; nothing is left open then. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const floodLog = new FloodLog(options.clock, options.logger);
  const limits = await withinOpenFiles(options.settings.limits, options.logger);
  const offers = new Offers(options.directory, options.pool.extensions, limits.messageOctets);
  const context: SessionContext = { ...options, floodLog, offers };
  const gate = new ConnectionGate(limits);
  const sessions = new Set<ClientSession>();
  const servers: Server[] = [];
  let onEmpty: (() => void) | undefined;
  const open = async (address: ListenerSettings) => {
    if (address.tls !== 'none' || address.clients || address.accounts || address.auth)
      throw new AppError('listen-failed', 'ports with TLS, AUTH or a choice of clients are not served yet');
    const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      const peer = socket.remoteAddress ?? '';
      const refusal = gate.enter(peer);
      if (refusal !== undefined) {
        logLimit(floodLog, refusal, { peer });
        return turnAway(socket, refusal);
      }
      const id = randomBytes(3).toString('hex');
      const session = new ClientSession(socket, id, context, () => {
        sessions.delete(session);
        gate.leave(peer);
        if (sessions.size === 0) onEmpty?.();
      });
      sessions.add(session);
    });
    await listen(server, address);
    // Such as EMFILE: one client is turned away, and an error that nobody listens to would end the process.
    server.on('error', (error) =>
      floodLog.log('error', { cause: describeCause(error) }, 'a connection could not be accepted'),
    );
    servers.push(server);
  };
  try {
    if (context.settings.listen === undefined) {
      await open(plainListener({ host: '127.0.0.1', port: defaultPort }));
      await open(plainListener({ host: '::1', port: defaultPort })).catch(ignoreMissingIPv6);
    } else {
      for (const address of context.settings.listen) await open(address);
    }
  } catch (error) {
    for (const server of servers) server.close();
    for (const session of sessions) session.destroy();
    throw error;
  }
  return {
    addresses: servers.map(addressOf),
    close: async () => {
      for (const server of servers) server.close();
      for (const session of sessions) session.shutDown();
      floodLog.close();
      if (sessions.size === 0) return;
      await new Promise<void>((resolve) => {
        const timer = context.clock.setTimer(drainMs, resolve);
        onEmpty = () => {
          timer.cancel();
          resolve();
        };
      });
      for (const session of sessions) session.destroy();
    },
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
  return 'relay.listen takes "127.0.0.1:PORT" or "[::1]:PORT"';
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
