/** Where a path leads that may not be there yet: a sign-in makes the file at the end of the links. */
import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { systemErrorCode } from '../core/errors.js';
import { writeFailure } from './file-failure.js';

/** Without symlinks. Throws AppError token-unwritable. */
export async function followLinks(path: string, depth = 0): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' || depth > 8) throw writeFailure(path, error);
  }
  const link = await readlink(path).catch(() => undefined);
  if (link !== undefined) return followLinks(resolve(dirname(path), link), depth + 1);
  try {
    return join(await realpath(dirname(path)), basename(path));
  } catch (error) {
    throw writeFailure(path, error);
  }
}
