/**
 * What was read of token files, so that one that is as it was need not be read again: thousands of files are looked at
 * in a fraction of the time. A file that was changed a moment before it was read may change once more within the same
 * tick of the file system's clock, so that one is read again.
 */
import { stat } from 'node:fs/promises';
import type { Clock } from '../core/clock.js';
import type { Found } from './census.js';

/** No file system in use has a coarser clock. */
const coarsestTickMs = 2_000;

interface Remembered {
  readonly stamp: string;
  readonly found: Found;
}

export class CensusMemory {
  readonly #clock: Clock;
  readonly #files = new Map<string, Remembered>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What `read` says of the file at `path`, or what it said when the file was the same. */
  async recall(path: string, read: () => Promise<Found>): Promise<Found> {
    const stamp = await this.#stampOf(path);
    const known = this.#files.get(path);
    if (known !== undefined && known.stamp === stamp) return known.found;
    const found = await read();
    // What cannot be used may be mended by a change of something else, such as the mode of its directory.
    if (stamp === undefined || !('stored' in found)) this.#files.delete(path);
    else this.#files.set(path, { stamp, found });
    return found;
  }

  /** Those are the files that there are. */
  keepOnly(paths: ReadonlySet<string>): void {
    for (const path of this.#files.keys()) if (!paths.has(path)) this.#files.delete(path);
  }

  /** Undefined where a change might not show. */
  async #stampOf(path: string): Promise<string | undefined> {
    try {
      const { ctimeMs, dev, ino, mtimeMs, size } = await stat(path);
      if (this.#clock.now() - Math.max(ctimeMs, mtimeMs) < coarsestTickMs) return undefined;
      return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
    } catch {
      return undefined;
    }
  }
}
