/**
 * Which token files are as they were when they were read, so that they need not be read again: thousands are looked at in
 * a fraction of the time. A file that was changed a moment before it was read may change once more within the same
 * tick of the file system's clock, so that one is read again.
 */
import { type Stats, statSync } from 'node:fs';
import type { Account } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import { type FileStamp, isSame, stampOf, statFile } from '../tokens/read-file.js';

/** No file system in use has a coarser clock. */
const coarsestTickMs = 2_000;
/** A disk of this machine answers in a hundredth of it, from memory; a server in the network does not. Milliseconds. */
const promptMs = 0.25;
/** Of files that are looked at without a turn of the event loop, and of those in the background after one was late. */
const mostAtOnce = 32;
const patientLooks = 1_000;
/** One that tells less than milliseconds goes by the kernel's clock, which ticks at least so often. */
const kernelTickMs = 20;

interface Remembered {
  readonly stamp: FileStamp;
  readonly account: Account;
}

export class CensusMemory {
  readonly #clock: Clock;
  readonly #files = new Map<string, Remembered>();
  /** So many may be looked at now, and so many must not. */
  #atOnce = 0;
  #patient = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The account of the file at `path`, where that is the same as when `note` was told of it. */
  async recall(path: string): Promise<Account | undefined> {
    const known = this.#files.get(path);
    if (known === undefined) return undefined;
    const stats = this.#atOnce > 0 ? this.#lookNow(path) : await this.#lookInBackground(path);
    return stats !== undefined && isSame(stampOf(stats), known.stamp) ? known.account : undefined;
  }

  async #lookInBackground(path: string): Promise<Stats | undefined> {
    const stats = await statFile(path).catch(() => undefined);
    // The file system answers; of thousands of files, handing each to another thread takes longer than the answers.
    if (this.#patient > 0) this.#patient--;
    else this.#atOnce = mostAtOnce;
    return stats;
  }

  #lookNow(path: string): Stats | undefined {
    this.#atOnce--;
    const startedAt = this.#clock.monotonic();
    try {
      return statSync(path, { throwIfNoEntry: false });
    } catch {
      return undefined;
    } finally {
      if (this.#clock.monotonic() - startedAt > promptMs) [this.#atOnce, this.#patient] = [0, patientLooks];
    }
  }

  /** @param begunAt when it began to be read: what came later, be it in the same tick, may not have been seen */
  note(path: string, account: Account, stamp: FileStamp, begunAt: number): void {
    if (isSettled(stamp, begunAt)) this.#files.set(path, { stamp, account });
    else this.#files.delete(path);
  }

  /** It is to be read again in any case. */
  forget(path: string): void {
    this.#files.delete(path);
  }
}

/** Whether another change of the file, from now on, would give it another stamp. */
export function isSettled({ changedAt }: Pick<FileStamp, 'changedAt'>, now: number): boolean {
  return now - changedAt >= (Number.isInteger(changedAt) ? coarsestTickMs : kernelTickMs);
}
