/** Opens the place where the status server is reached: a port of this machine alone, or a socket in a directory. */
import { chmod, lstat, unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { type StatusAddress, statusExposure } from '../config/status.js';
import { formatListenAddress } from '../config/values.js';
import { AppError, describeCause, systemErrorCode } from '../core/errors.js';

/** Whoever may open the socket: its owner and its group. */
const socketMode = 0o660;

/** Throws AppError listen-failed or config-invalid. Resolves to where it listens: `127.0.0.1:8025`, `unix:/path`. */
export async function openStatusPort(server: Server, address: StatusAddress): Promise<string> {
  if (address.kind === 'unix') {
    await listen(server, address).catch(async (error: unknown) => {
      if (systemErrorCode(error) !== 'EADDRINUSE') throw failed(address, error);
      // It may be anything that a slip of the pen names, a token file too.
      if (!(await lstat(address.path)).isSocket())
        throw failed(address, new Error('what is there is no socket'));
      if (!(await isAbandoned(address.path))) throw failed(address, error);
      await unlink(address.path);
      await listen(server, address).catch((again: unknown) => Promise.reject(failed(address, again)));
    });
    await chmod(address.path, socketMode);
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

function listen(server: Server, address: StatusAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const done = () => {
      server.off('error', reject);
      resolve();
    };
    if (address.kind === 'unix') server.listen({ path: address.path }, done);
    else server.listen({ host: address.host, port: address.port }, done);
  });
}

/** Left behind by a process that was killed; one that is too busy to answer, or may not be asked, is none such. */
function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', (error) => resolve(systemErrorCode(error) === 'ECONNREFUSED'));
  });
}

function failed(address: StatusAddress, cause: unknown): AppError {
  const where = address.kind === 'unix' ? address.path : formatListenAddress(address);
  return new AppError('listen-failed', `cannot show the status on ${where}: ${describeCause(cause)}`, {
    hint: 'change status.listen, or stop what has that place: perhaps another mailbearer',
    cause,
  });
}
