/**
 * Reads a token file whole, in one open, with what a replacement must keep of it. Never blocks on a FIFO and never
 * swallows a huge file; every failure names the file and the command that mends it.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, open, read, stat, type Stats } from 'node:fs';
import { promisify } from 'node:util';
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
  /** Of the file before it was read. */
  readonly stamp: FileStamp;
}

/** Another one when a file was changed or replaced, unless that was within one tick of its file system's clock. */
export interface FileStamp {
  readonly device: number;
  readonly number: number;
  readonly octets: number;
  /** Last change of its content. Milliseconds since the epoch, with such fractions as the file system has; so the next. */
  readonly modifiedAt: number;
  /** Last change of anything about it. */
  readonly changedAt: number;
}

/** No token file is larger; what is, is something else. */
const limitBytes = 2 ** 20;

// Not those of node:fs/promises: of thousands of files, a FileHandle for each takes longer than all else about it.
const openDescriptor = promisify(open);
const readDescriptor = promisify(read);
export const statFile = promisify(stat);

/** Throws AppError token-missing, token-unreadable, or token-invalid when it is no file or above 1 MiB, or another limit. */
export async function readTokenText(path: string, limit = limitBytes): Promise<TokenText> {
  try {
    const descriptor = await openDescriptor(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      // The kernel knows that of an open file, and asks no disk or server.
      const stats = fstatSync(descriptor);
      if (stats.isDirectory()) throw notAToken(path, 'it is a directory');
      if (!stats.isFile()) throw notAToken(path, 'it is no regular file');
      if (stats.size > limit)
        throw notAToken(path, `it has ${stats.size} octets, above ${limit / 2 ** 20} MiB`);
      const { uid, gid, mode, mtimeMs } = stats;
      const text = await readText(descriptor, stats.size);
      return {
        ...{ text, uid, gid, mode: mode & 0o7777, modifiedAt: Math.round(mtimeMs) },
        stamp: stampOf(stats),
      };
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw readFailure(path, error);
  }
}

async function readText(descriptor: number, octets: number): Promise<string> {
  const buffer = Buffer.allocUnsafe(octets);
  let length = 0;
  while (length < octets) {
    const { bytesRead } = await readDescriptor(descriptor, buffer, length, octets - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.toString('utf8', 0, length);
}

export function stampOf({ ctimeMs, dev, ino, mtimeMs, size }: Stats): FileStamp {
  return { device: dev, number: ino, octets: size, modifiedAt: mtimeMs, changedAt: ctimeMs };
}

export function isSame(one: FileStamp, other: FileStamp): boolean {
  return (
    one.number === other.number &&
    one.changedAt === other.changedAt &&
    one.modifiedAt === other.modifiedAt &&
    one.octets === other.octets &&
    one.device === other.device
  );
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
