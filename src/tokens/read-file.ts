/**
 * Reads a token file whole, in one open, with what a replacement must keep of it. Never blocks on a FIFO and never
 * swallows a huge file; every failure names the file and the command that mends it.
 */
import { createHash } from 'node:crypto';
import { constants, open } from 'node:fs/promises';
import { AppError } from '../core/errors.js';
import { readFailure } from './file-failure.js';
import { parseToken } from './format.js';
import type { StoredToken } from './token.js';

/** Owner, group and permission bits of a file. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

export interface TokenText extends Ownership {
  readonly text: string;
  /** Last change of the content. Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

/** No token file is larger; what is, is something else. */
const limitBytes = 2 ** 20;

/** Throws AppError token-missing, token-unreadable, or token-invalid when it is no file or above 1 MiB. */
export async function readTokenText(path: string): Promise<TokenText> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (stats.isDirectory()) throw notAToken(path, 'it is a directory');
      if (!stats.isFile()) throw notAToken(path, 'it is no regular file');
      if (stats.size > limitBytes) throw notAToken(path, `it has ${stats.size} octets, above 1 MiB`);
      const { uid, gid, mode, mtimeMs } = stats;
      const text = await handle.readFile('utf8');
      return { text, uid, gid, mode: mode & 0o7777, modifiedAt: Math.round(mtimeMs) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** The token that `text` holds; equal texts have equal versions. Throws AppError token-invalid. */
export function storedToken(text: string, writtenAt: number, path: string): StoredToken {
  const { accessToken, expiresAt, overrides, refreshToken } = parseToken(text, path);
  return { accessToken, expiresAt, refreshToken, overrides, writtenAt, version: versionOf(text) };
}

/** 43 characters, of base64url. */
export function versionOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function notAToken(path: string, reason: string): AppError {
  return new AppError('token-invalid', `${path} is no token file: ${reason}`, {
    // A missing file that is bind-mounted into a container becomes a directory.
    hint: `move it away, then: mailbearer get-token PROVIDER ${path}`,
  });
}
