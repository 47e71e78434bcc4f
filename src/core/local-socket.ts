/**
 * A socket in a directory, whose mode and group say who may open it. It is nobody's but its owner's until they are set;
 * what a killed process left behind is replaced, and what is in use, or is no socket, stays.
 */
import { chmod, chown, lstat, stat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { systemErrorCode } from './errors.js';

/** Its owner and its group. */
const socketMode = 0o660;
/** Of a directory: what is made in it gets its group. */
const setGroupId = 0o2000;

/** Rejects with the system's error. The path goes when the server is closed. */
export async function listenLocally(server: Server, path: string, groupId?: number): Promise<void> {
  await listen(server, path).catch(async (error: unknown) => {
    if (systemErrorCode(error) !== 'EADDRINUSE') throw error;
    // It may be anything that a slip of the pen names, a token file too.
    if (!(await lstat(path)).isSocket()) throw new Error('what is there is no socket');
    if (!(await isAbandoned(path))) throw error;
    await unlink(path);
    await listen(server, path);
  });
  try {
    await admitGroup(path, groupId);
  } catch (error) {
    server.close();
    throw error;
  }
}

/** Lets owner and group open it; without `groupId`, the group stays as it is. Rejects with the system's error. */
export async function admitGroup(path: string, groupId?: number): Promise<void> {
  const { gid } = await lstat(path);
  // In a directory that hands its group down, nobody needs a right to give it away.
  if (groupId !== undefined && gid !== groupId)
    await chown(path, -1, groupId).catch(async (error: unknown) => {
      // systemd's PrivateUsers= hides the groups of others, so that the directory alone knows which it is.
      if (systemErrorCode(error) !== 'EINVAL' || !(await handsDown(dirname(path), gid))) throw error;
    });
  await chmod(path, socketMode);
}

async function handsDown(directory: string, groupId: number): Promise<boolean> {
  const { gid, mode } = await stat(directory);
  return gid === groupId && (mode & setGroupId) !== 0;
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const before = process.umask(0o177);
    try {
      // The socket is made before this returns.
      server.listen({ path }, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
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
