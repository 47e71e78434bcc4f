/** Sockets to an upstream server: TCP, and verified TLS over it. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { readTrustedRoots, type TrustSettings } from '../accounts/trusted-roots.js';
import { AppError, describeCause } from '../core/errors.js';
import type { SmtpHost } from '../providers/provider.js';

/** One TCP connection, without Nagle's delay (40 ms a message otherwise). */
export function openTcp(server: SmtpHost, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: server.host, port: server.port, noDelay: true, signal });
    const fail = (error: Error) => {
      const where = `${server.host}:${server.port}`;
      const timedOut = signal.aborted;
      reject(
        new AppError(
          timedOut ? 'upstream-timeout' : 'upstream-unreachable',
          timedOut ? `${where} did not accept a connection in time` : `${where}: ${describeCause(error)}`,
          {
            hint: `check that ${where} is the right server and that no firewall is in the way`,
            cause: error,
          },
        ),
      );
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

/** One context a set of roots: making one parses every certificate of the bundle. */
const contexts = new Map<string, SecureContext>();

async function contextFor(trust: TrustSettings): Promise<SecureContext> {
  const roots = await readTrustedRoots(trust);
  let context = contexts.get(roots.key);
  if (context === undefined) {
    context = createSecureContext({ ca: roots.ca, minVersion: 'TLSv1.2' });
    contexts.set(roots.key, context);
  }
  return context;
}

/** TLS 1.2 or later over `socket`, the certificate verified against the server's name. */
export async function startTls(socket: Socket, server: SmtpHost, trust: TrustSettings): Promise<TLSSocket> {
  const secureContext = await contextFor(trust);
  return new Promise((resolve, reject) => {
    const secure = connectTls({
      socket,
      host: server.host,
      servername: isIP(server.host) ? '' : server.host,
      secureContext,
      rejectUnauthorized: true,
    });
    const fail = (error?: Error) => {
      secure.destroy();
      // It outlives the TLS layer on top of it otherwise.
      socket.destroy();
      const why = error === undefined ? 'the connection was closed' : describeCause(error);
      reject(
        new AppError('upstream-tls', `TLS with ${server.host}:${server.port} failed: ${why}`, {
          hint: 'check smtp.host against the name in the certificate; a private CA needs ca_bundle_file',
          cause: error,
        }),
      );
    };
    const closed = () => fail();
    secure.once('error', fail);
    secure.once('close', closed);
    secure.once('secureConnect', () => {
      secure.off('error', fail);
      secure.off('close', closed);
      resolve(secure);
    });
  });
}
