/** Opens the place where the status server is reached: a port of this machine alone, or a socket in a directory. */
import type { Server } from 'node:http';
import { type StatusAddress, statusExposure } from '../config/status.js';
import { formatListenAddress } from '../config/values.js';
import { AppError, describeCause } from '../core/errors.js';
import { listenLocally } from '../core/local-socket.js';

/** Throws AppError listen-failed or config-invalid. Resolves to where it listens: `127.0.0.1:8025`, `unix:/path`. */
export async function openStatusPort(server: Server, address: StatusAddress): Promise<string> {
  if (address.kind === 'unix') {
    await listenLocally(server, address.path).catch((error: unknown) =>
      Promise.reject(failed(address, error)),
    );
    return `unix:${address.path}`;
  }
  await listen(server, address).catch((error: unknown) => Promise.reject(failed(address, error)));
  const at = server.address();
  if (at === null || typeof at === 'string') throw new Error('an HTTP server listens without an address');
  // A name such as localhost is what DNS and hosts file make of it.
  const exposure = statusExposure(at.address);
  if (exposure === undefined) return formatListenAddress({ host: at.address, port: at.port });
  server.close();
  throw new AppError('config-invalid', `status.listen: ${exposure}`);
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const done = () => {
      server.off('error', reject);
      resolve();
    };
    server.listen({ host, port }, done);
  });
}

function failed(address: StatusAddress, cause: unknown): AppError {
  const where = address.kind === 'unix' ? address.path : formatListenAddress(address);
  return new AppError('listen-failed', `cannot show the status on ${where}: ${describeCause(cause)}`, {
    hint: 'change status.listen, or stop what has that place: perhaps another mailbearer',
    cause,
  });
}
