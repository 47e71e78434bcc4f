/**
 * A killed process may have had a new token, written it whole into the space that was set aside, and not put it into
 * place any more. With a provider that exchanges refresh tokens it is the only one left, so whoever takes the lock next
 * finishes the work. Nothing else that lies about is touched: it must be just what a refresh of the file as it stands
 * would write, and younger.
 */
import { lstat, open, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mergeToken } from './format.js';
import { isTemporaryNameOf } from './names.js';
import { readTokenText, storedToken, type TokenText } from './read-file.js';
import { syncDirectory } from './replacement.js';

/** For whoever holds the lock of `target`, a path without symlinks. Never rejects: without it the file is as it was. */
export async function finishKilledWrite(target: string): Promise<void> {
  try {
    const directory = dirname(target);
    const names = (await readdir(directory)).filter((name) => isTemporaryNameOf(target, name));
    for (const name of names) await finish(join(directory, name), target);
  } catch {
    // A file or directory that cannot be read is told of by what comes next.
  }
}

async function finish(path: string, target: string): Promise<void> {
  if (!(await lstat(path)).isFile()) return;
  const found = await readTokenText(path);
  if (!continues(found, await readTokenText(target), target)) return;
  const file = await open(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(path, target);
  await syncDirectory(dirname(target));
}

function continues(found: TokenText, current: TokenText, target: string): boolean {
  const isAlike = found.uid === current.uid && found.gid === current.gid && found.mode === current.mode;
  if (!isAlike || found.modifiedAt < current.modifiedAt) return false;
  try {
    const { accessToken, expiresAt, refreshToken } = storedToken(found.text, found.modifiedAt, target);
    if (accessToken === undefined) return false;
    if (expiresAt <= storedToken(current.text, current.modifiedAt, target).expiresAt) return false;
    return found.text === mergeToken(current.text, { accessToken, expiresAt, refreshToken }, target);
  } catch {
    return false;
  }
}
