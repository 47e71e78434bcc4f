/**
 * Which token files are as they were when they were read, so that they need not be read again: thousands are looked at in
 * a fraction of the time. A file that was changed a moment before it was read may change once more within the same
 * tick of the file system's clock, so that one is read again.
 */
import type { Account } from '../accounts/account.js';
import { type FileStamp, isSame, stampOf, statFile } from '../tokens/read-file.js';

/** No file system in use has a coarser clock. */
const coarsestTickMs = 2_000;
/** One that tells less than milliseconds goes by the kernel's clock, which ticks at least so often. */
const kernelTickMs = 20;

interface Remembered {
  readonly stamp: FileStamp;
  readonly account: Account;
}

export class CensusMemory {
  readonly #files = new Map<string, Remembered>();

  /** The account of the file at `path`, where that is the same as when `note` was told of it. */
  async recall(path: string): Promise<Account | undefined> {
    const known = this.#files.get(path);
    if (known === undefined) return undefined;
    const stats = await statFile(path).catch(() => undefined);
    return stats !== undefined && isSame(stampOf(stats), known.stamp) ? known.account : undefined;
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
