/**
 * Which files of the token directories are accounts: every file but the ignored names, symlinks followed, each
 * real file once. What cannot be read is listed all the same: an account that is known and cannot be used must
 * not look like one that was never there.
 */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AppError, describeCause, systemErrorCode } from '../core/errors.js';
import { ownId } from './file-failure.js';
import { isTokenFileName } from './names.js';

export interface TokenFileEntry {
  /** As listed, absolute; may be a symlink. */
  readonly path: string;
  /** The file itself; `path` when a symlink leads nowhere. */
  readonly target: string;
}

/**
 * In the order of the directories, by name within each. `onProblem` hears of each directory that cannot be
 * listed; the others are listed all the same.
 */
export async function listTokenFiles(
  directories: readonly string[],
  onProblem: (problem: AppError) => void,
): Promise<TokenFileEntry[]> {
  const found = new Map<string, TokenFileEntry>();
  for (const directory of directories) {
    const entries = await listEntries(directory, onProblem);
    const home = resolve(directory);
    const real = await realpath(directory).catch(() => directory);
    for (const entry of entries) {
      const path = join(home, entry.name);
      // Asking for each of thousands of files takes as long as reading them.
      const isPlain = entry.isFile();
      if (!isPlain && !(await mayBeToken(path, entry.name))) continue;
      const plainTarget = real === home ? path : join(real, entry.name);
      const target = isPlain ? plainTarget : await realpath(path).catch(() => path);
      if (!found.has(target)) found.set(target, { path, target });
    }
  }
  return [...found.values()];
}

async function listEntries(directory: string, onProblem: (problem: AppError) => void): Promise<Dirent[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .filter(({ name }) => isTokenFileName(name))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  } catch (cause) {
    const missing = systemErrorCode(cause) === 'ENOENT';
    const hint = missing
      ? `make it: install -d -m 0700 ${directory}`
      : `let user ${ownId()} list it: ls -ld ${directory}`;
    onProblem(
      new AppError(
        'token-unreadable',
        `cannot list the token directory ${directory}: ${describeCause(cause)}`,
        { hint, cause },
      ),
    );
    return [];
  }
}

/**
 * Subdirectories, sockets and FIFOs are no accounts, except a directory that is named like an address: that is
 * what a container engine makes of a bind mount whose file is missing, and its account should say so.
 */
async function mayBeToken(path: string, name: string): Promise<boolean> {
  try {
    const stats = await stat(path);
    return stats.isFile() || (stats.isDirectory() && name.includes('@'));
  } catch {
    return true;
  }
}

/** The directories whose changes matter to a token file: its own, and that of the file a symlink leads to. */
export function directoriesOf({ path, target }: TokenFileEntry): string[] {
  return path === target ? [dirname(path)] : [dirname(path), dirname(target)];
}
