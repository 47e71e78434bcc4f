/**
 * A token in a file, shared with whoever else reads it. Symlinks are followed to the file itself, whose owner,
 * group, mode and unknown fields survive. Holds nothing between calls: the file is the truth.
 */
import { realpath, rm } from 'node:fs/promises';
import type { Clock } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import { readFailure, unwritable, writeFailure } from './file-failure.js';
import { editFields, mergeToken, type TokenFields } from './format.js';
import { type LockOptions, withLock } from './lock.js';
import { readTokenText, storedToken, type TokenText } from './read-file.js';
import { finishKilledWrite } from './recovery.js';
import { type Replacement, reserveReplacement } from './replacement.js';
import type { LockedStore, NewToken, Reservation, StoredToken, TokenStore } from './token.js';

export interface FileStoreOptions extends LockOptions {
  /** May be a symlink. */
  readonly path: string;
  readonly clock: Clock;
}

export function createFileStore(options: FileStoreOptions): TokenStore {
  return new FileStore(options);
}

class FileStore implements TokenStore {
  readonly #options: FileStoreOptions;

  constructor(options: FileStoreOptions) {
    this.#options = options;
  }

  read(): Promise<StoredToken> {
    return readToken(this.#options.path);
  }

  async exclusively<T>(work: (locked: LockedStore) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { clock, path } = this.#options;
    const target = await targetOf(path);
    const finishAndWork = async () => {
      await finishKilledWrite(target, clock);
      return work(lockedStore(this.#options));
    };
    return withLock(target, this.#options, finishAndWork, signal);
  }
}

function lockedStore(options: FileStoreOptions): LockedStore {
  const { path } = options;
  return {
    read: () => readToken(path),
    async reserve(): Promise<Reservation> {
      const target = await targetOf(path);
      const basis = await readTokenText(path);
      // A file that cannot be parsed must fail now, not after a token has been had.
      const { version: replaces } = storedToken(basis.text, basis.modifiedAt, path);
      const replacement = await reserveReplacement({
        ...options,
        target,
        text: basis.text,
        ownership: basis,
      });
      return {
        keep: (token) => replacement.keep({ text: mergeToken(basis.text, token, path), replaces }),
        commit: (token) => commit(options, target, basis, replacement, token),
        release: () => replacement.release(),
      };
    },
    remove: () => remove(path),
  };
}

async function commit(
  { path, clock }: FileStoreOptions,
  target: string,
  basis: TokenText,
  replacement: Replacement,
  token: NewToken,
): Promise<StoredToken> {
  if ((await targetOf(path)) !== target)
    throw unwritable(path, 'it now leads to another file', 'nothing to do: the write is repeated there');
  const text = mergeToken(await currentText(path, basis), token, path);
  await replacement.publish(text, 'replace');
  return storedToken(text, clock.now(), path);
}

/** What stands there now, for others may have changed other fields; a file that was damaged meanwhile is healed. */
async function currentText(path: string, basis: TokenText): Promise<string> {
  try {
    const { text, modifiedAt } = await readTokenText(path);
    storedToken(text, modifiedAt, path);
    return text;
  } catch (error) {
    if (error instanceof AppError && error.code === 'token-invalid') return basis.text;
    throw error;
  }
}

/** Sets these fields and keeps the rest; whoever calls it holds the lock. Durable when it resolves. */
export async function editTokenFile(options: FileStoreOptions, fields: TokenFields): Promise<void> {
  const target = await targetOf(options.path);
  const basis = await readTokenText(target);
  const text = editFields(basis.text, fields, options.path);
  const replacement = await reserveReplacement({ ...options, target, text, ownership: basis });
  try {
    await replacement.publish(text, 'replace');
  } finally {
    await replacement.release();
  }
}

async function readToken(path: string): Promise<StoredToken> {
  const { text, modifiedAt } = await readTokenText(path);
  return storedToken(text, modifiedAt, path);
}

/** The file before the link: were it the other way round, a failure in between would leave tokens that nothing names. */
async function remove(path: string): Promise<void> {
  const target = await targetOf(path);
  try {
    await rm(target, { force: true });
    await rm(path, { force: true });
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** Where its links lead. Throws AppError token-missing or token-unreadable. */
export async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw readFailure(path, error);
  }
}
