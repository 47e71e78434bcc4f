/**
 * Sockets to an upstream server: TCP, and verified TLS over it, each within its time. A socket from here keeps a
 * listener for errors for good, because an error that nobody listens to would end the process.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { readTrustedRoots, type TrustSettings } from '../accounts/trusted-roots.js';
import type { Clock } from '../core/clock.js';
import { AppError, describeCause, toAppError } from '../core/errors.js';
import { clientStages } from '../protocol/smtp/states.js';
import type { SmtpHost } from '../providers/provider.js';
import { connectShared } from './shared-buffer.js';

/**
 * One TCP connection, without Nagle's delay (40 ms a message otherwise). Throws AppError upstream-*, or the
 * signal's reason when it is aborted before.
 */
export function openTcp(server: SmtpHost, clock: Clock, signal: AbortSignal): Promise<Socket> {
  const where = `${server.host}:${server.port}`;
  const hint = `check that ${where} is the right server and that no firewall is in the way`;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(toAppError(signal.reason));
    const options = { host: server.host, port: server.port, noDelay: true };
    // TLS reads from its socket in a way of its own.
    const socket = server.tls === 'none' ? connectShared(options) : connectTcp(options);
    const timer = clock.setTimer(clientStages.connect.timeoutMs, () => {
      socket.destroy(
        new AppError('upstream-timeout', `${where} did not accept a connection in time`, { hint }),
      );
    });
    const abort = () => socket.destroy(toAppError(signal.reason));
    const settled = () => {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.on('error', (cause) => {
      settled();
      if (cause instanceof AppError) return reject(cause);
      reject(new AppError('upstream-unreachable', `${where}: ${describeCause(cause)}`, { hint, cause }));
    });
    socket.once('connect', () => {
      settled();
      resolve(socket);
    });
  });
}

/** One context a set of roots: making one parses every certificate of the bundle. */
const contexts = new Map<string, SecureContext>();

/** Whom an account trusts, for `startTls`. Throws AppError config-invalid. */
export async function secureContextFor(trust: TrustSettings): Promise<SecureContext> {
  const roots = await readTrustedRoots(trust);
  let context = contexts.get(roots.key);
  if (context === undefined) {
    context = createSecureContext({ ca: roots.ca, minVersion: 'TLSv1.2' });
    contexts.set(roots.key, context);
  }
  return context;
}

/**
 * TLS 1.2 or later over `socket`, the certificate verified against the server's name. To be called in the turn
 * in which the socket became ready: an end that came before would never be seen. Throws AppError upstream-*.
 */
export function startTls(
  socket: Socket,
  server: SmtpHost,
  secureContext: SecureContext,
  clock: Clock,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({
      socket,
      host: server.host,
      servername: isIP(server.host) ? '' : server.host,
      secureContext,
      rejectUnauthorized: true,
    });
    const where = `${server.host}:${server.port}`;
    const fail = (cause?: Error) => {
      timer.cancel();
      secure.destroy();
      // It outlives the TLS layer on top of it otherwise.
      socket.destroy();
      if (cause instanceof AppError) return reject(cause);
      const why = cause === undefined ? 'the connection was closed' : describeCause(cause);
      reject(
        new AppError('upstream-tls', `TLS with ${where} failed: ${why}`, {
          hint: 'check smtp.host against the name in the certificate; a private CA needs ca_bundle_file',
          cause,
        }),
      );
    };
    const timer = clock.setTimer(clientStages.tls.timeoutMs, () =>
      fail(
        new AppError('upstream-timeout', `${where} was silent for too long ${clientStages.tls.text}`, {
          hint: 'check smtp.port and smtp.tls: implicit TLS is for port 465, STARTTLS for 587',
        }),
      ),
    );
    const closed = () => fail();
    secure.on('error', fail);
    secure.once('close', closed);
    secure.once('secureConnect', () => {
      timer.cancel();
      secure.off('close', closed);
      resolve(secure);
    });
  });
}
