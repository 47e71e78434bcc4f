/**
 * Says when something may have changed in the directories of token files: within about 100 ms where the kernel
 * tells, within half a second for a directory that does not exist yet or cannot be watched, and every 30 s (less often
 * where a look takes long) in any case, for file systems whose kernel does not tell. What changed is for the listener to find out.
 */
import { type FSWatcher, type Stats, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../core/clock.js';
import { describeCause } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { isScratchName } from '../tokens/names.js';

export interface DirectoryWatch {
  /**
   * Replaces the set of directories. They need not exist.
   * @param willLook whoever follows looks at all of them afterwards, so that nothing is missed that came before
   */
  follow(directories: Iterable<string>, willLook?: boolean): Promise<void>;
  close(): void;
}

/** Several events belong to one change: a rename is two, a copy is many. */
const debounceMs = 100;
const quickLookMs = 500;
const rescanMs = 30_000;
/** Of all the time, at most so much is spent on looking without having been told: one part in so many. */
const rescanShare = 1_000;
const longestRescanMs = 600_000;

export interface WatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** `paths` may have changed and nothing else has; undefined when anything may have. It may take its time. */
  readonly onChange: (paths?: ReadonlySet<string>) => unknown;
}

export function watchDirectories(options: WatchOptions): DirectoryWatch {
  return new Watch(options);
}

/** What a path led to when it was looked at; a directory that was replaced has another identity. */
type Watched = { readonly identity: string | undefined; readonly watcher: FSWatcher | undefined };

class Watch implements DirectoryWatch {
  readonly #options: WatchOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #unwatchable = new Set<string>();
  /** What has changed since the listener was last told. */
  #paths = new Set<string>();
  #anything = false;
  #rescanMs = rescanMs;
  #debounce: Timer | undefined;
  #quickLook: Timer | undefined;
  #rescan: Timer | undefined;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#scheduleRescan();
  }

  async follow(directories: Iterable<string>, willLook = false): Promise<void> {
    const wanted = new Set(directories);
    for (const [directory, { watcher }] of this.#watched) {
      if (wanted.has(directory)) continue;
      watcher?.close();
      this.#watched.delete(directory);
    }
    let changed = false;
    for (const directory of wanted) changed = (await this.#look(directory)) || changed;
    // Before this directory was watched, something may have happened in it unseen.
    if (changed && !willLook) this.#changed();
    this.#scheduleQuickLook();
  }

  close(): void {
    this.#closed = true;
    for (const timer of [this.#debounce, this.#quickLook, this.#rescan]) timer?.cancel();
    for (const { watcher } of this.#watched.values()) watcher?.close();
    this.#watched.clear();
  }

  /** Watches it if it is there and is not watched yet; true when it is new, gone or another than before. */
  async #look(directory: string): Promise<boolean> {
    const stats = await stat(directory).catch(() => undefined);
    const identity = stats && identityOf(stats);
    const known = this.#watched.get(directory);
    if (this.#closed || (known && known.identity === identity)) return false;
    known?.watcher?.close();
    const watcher = identity === undefined ? undefined : this.#watch(directory);
    this.#watched.set(directory, { identity, watcher });
    return known !== undefined || identity !== undefined;
  }

  #watch(directory: string): FSWatcher | undefined {
    try {
      const watcher = watch(directory, { persistent: false }, (_event, name) => {
        if (name === null) this.#changed();
        else if (!isScratchName(name)) this.#changed(join(directory, name));
      });
      watcher.on('error', (error) => {
        this.#warn(directory, error);
        watcher.close();
        this.#watched.delete(directory);
        this.#changed();
      });
      return watcher;
    } catch (error) {
      this.#warn(directory, error);
      return undefined;
    }
  }

  #warn(directory: string, error: unknown): void {
    if (this.#unwatchable.has(directory)) return;
    this.#unwatchable.add(directory);
    this.#options.logger.warn(
      { directory, hint: 'see sysctl fs.inotify' },
      `cannot watch ${directory}, it is looked at twice a second instead: ${describeCause(error)}`,
    );
  }

  /** From the first event on, so that a directory that never rests is read all the same. */
  #changed(path?: string): void {
    if (path === undefined) this.#anything = true;
    else this.#paths.add(path);
    if (this.#closed || this.#debounce) return;
    this.#debounce = this.#options.clock.setTimer(
      debounceMs,
      () => {
        this.#debounce = undefined;
        const paths = this.#anything ? undefined : this.#paths;
        this.#anything = false;
        this.#paths = new Set();
        void this.#tell(paths);
      },
      { unref: true },
    );
  }

  async #tell(paths: ReadonlySet<string> | undefined): Promise<void> {
    const { clock, onChange } = this.#options;
    const startedAt = clock.monotonic();
    await onChange(paths);
    const tookMs = clock.monotonic() - startedAt;
    if (paths === undefined)
      this.#rescanMs = Math.min(Math.max(rescanMs, tookMs * rescanShare), longestRescanMs);
  }

  #scheduleQuickLook(): void {
    this.#quickLook?.cancel();
    this.#quickLook = undefined;
    const unwatched = [...this.#watched].filter(([, { watcher }]) => watcher === undefined);
    if (this.#closed || unwatched.length === 0) return;
    const look = async () => {
      let changed = false;
      for (const [directory, { identity }] of unwatched)
        changed = (await this.#look(directory)) || identity !== undefined || changed;
      if (changed) this.#changed();
      this.#scheduleQuickLook();
    };
    this.#quickLook = this.#options.clock.setTimer(quickLookMs, () => void look(), { unref: true });
  }

  #scheduleRescan(): void {
    if (this.#closed) return;
    this.#rescan = this.#options.clock.setTimer(
      this.#rescanMs,
      () => {
        this.#changed();
        this.#scheduleRescan();
      },
      { unref: true },
    );
  }
}

/** With the time of its making, because a new directory may get the number of a removed one. */
function identityOf({ birthtimeMs, dev, ino }: Stats): string {
  return `${dev}:${ino}:${birthtimeMs}`;
}
