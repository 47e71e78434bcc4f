/**
 * A killed process may have had a new token, written it into the space that was set aside, and not put it into place
 * any more. With a provider that exchanges refresh tokens it is the only one left, so whoever takes the lock next
 * finishes the work. Nothing else that lies about is touched: it must be sealed, in place of the file as it stands; or,
 * once its seal is off, just what a refresh of that file would write, and younger.
 */
import { type FileHandle, lstat, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.js';
import { mergeToken } from './format.js';
import { temporaryFilesOf } from './leftovers.js';
import { readTokenText, storedToken, type TokenText, versionOf } from './read-file.js';
import { syncDirectory } from './replacement.js';
import { unseal } from './seal.js';

/**
 * For whoever holds the lock of `target`, a path without symlinks, or is about to take it from one that is gone. Never
 * rejects: without it the file is as it was.
 */
export async function finishKilledWrite(target: string, clock: Clock, how?: 'anew'): Promise<void> {
  // What cannot be read is told of by what comes next.
  for (const path of await temporaryFilesOf(target, clock, how).catch(() => []))
    await finish(path, target).catch(() => undefined);
}

async function finish(path: string, target: string): Promise<void> {
  if (!(await lstat(path)).isFile()) return;
  const found = await readTokenText(path);
  const current = await readTokenText(target);
  if (found.uid !== current.uid || found.gid !== current.gid || found.mode !== current.mode) return;
  const sealed = unseal(found.text);
  if (sealed === undefined ? !continues(found, current, target) : sealed.replaces !== versionOf(current.text))
    return;
  const file = await open(path, 'r+');
  try {
    if (sealed !== undefined) await takeOffSeal(file, sealed.text, found.modifiedAt);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(path, target);
  await syncDirectory(dirname(target));
}

/** The time of the first writing, from which the token's life is counted, stays. */
async function takeOffSeal(file: FileHandle, text: string, writtenAt: number): Promise<void> {
  await file.truncate(Buffer.byteLength(text));
  await file.utimes(writtenAt / 1000, writtenAt / 1000);
}

function continues(found: TokenText, current: TokenText, target: string): boolean {
  if (found.modifiedAt < current.modifiedAt) return false;
  try {
    const { accessToken, expiresAt, refreshToken } = storedToken(found.text, found.modifiedAt, target);
    if (accessToken === undefined) return false;
    if (expiresAt <= storedToken(current.text, current.modifiedAt, target).expiresAt) return false;
    return found.text === mergeToken(current.text, { accessToken, expiresAt, refreshToken }, target);
  } catch {
    return false;
  }
}
