/**
 * The temporary files that killed processes left beside a token file. To find those of one file among thousands, all of
 * the directory is listed, which takes longer than all else about a refresh; such a list is used for a minute. Nothing is
 * missed: a lock that was left behind is taken only after a look of its own, and what lies there without one has lain
 * there since before this process began.
 */
import { lstat, readdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../core/clock.js';
import { targetOfTemporary } from './names.js';

/** A directory with fewer files is listed each time. */
const manyFiles = 500;
const keepListMs = 60_000;
/** Older than any write of ours can be. */
const leftoverAfterMs = 600_000;

interface Listing {
  readonly listedAt: number;
  /** Names of temporary files by that of the file they are for. */
  readonly temporary: ReadonlyMap<string, readonly string[]>;
}

/** Of directories with many files. */
const listings = new Map<string, Listing>();

/** Their paths; some may be gone. Throws what the system says where the directory cannot be listed. */
export async function temporaryFilesOf(
  target: string,
  clock: Clock,
  how: 'anew' | 'lately' = 'lately',
): Promise<readonly string[]> {
  const directory = dirname(target);
  const known = how === 'anew' ? undefined : listings.get(directory);
  const isLate = known !== undefined && clock.monotonic() - known.listedAt < keepListMs;
  const { temporary } = isLate ? known : await list(directory, clock);
  return (temporary.get(basename(target)) ?? []).map((name) => join(directory, name));
}

async function list(directory: string, clock: Clock): Promise<Listing> {
  const listedAt = clock.monotonic();
  const names = await readdir(directory);
  const temporary = new Map<string, string[]>();
  for (const name of names) {
    const target = targetOfTemporary(name);
    if (target !== undefined) temporary.set(target, [...(temporary.get(target) ?? []), name]);
  }
  const listing = { listedAt, temporary };
  if (names.length < manyFiles) listings.delete(directory);
  else listings.set(directory, listing);
  return listing;
}

/** Of processes that were killed long ago; they hold tokens. Never rejects. */
export async function removeLeftovers(target: string, clock: Clock): Promise<void> {
  for (const path of await temporaryFilesOf(target, clock).catch(() => [])) {
    const stats = await lstat(path).catch(() => undefined);
    if (stats && clock.now() - stats.mtimeMs > leftoverAfterMs) await unlink(path).catch(() => undefined);
  }
}
