/**
 * The passwords file on disk, for `passwd`: read whole, and replaced whole under a lock, with owner and mode kept. A new
 * one is 0600; made by root, it belongs to the owner of its directory.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.js';
import { AppError, describeCause, systemErrorCode, toAppError } from '../core/errors.js';
import { formatPasswords, parsePasswords, type PasswordEntry } from '../submission/passwords-file.js';
import { followLinks } from '../tokens/follow-links.js';
import { withLock } from '../tokens/lock.js';
import { reserveReplacement } from '../tokens/replacement.js';

export interface ChangeOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** Throws AppError passwords-unusable. */
export async function readPasswords(
  path: string,
  { mayBeMissing } = { mayBeMissing: false },
): Promise<readonly PasswordEntry[]> {
  const text = await readText(path);
  if (text !== undefined) return parsePasswords(text, path);
  if (mayBeMissing) return [];
  throw new AppError('passwords-unusable', `there is no passwords file ${path}`, {
    hint: `make it: mailbearer passwd add USER NAME --file ${path}`,
  });
}

/** Throws AppError passwords-unusable or passwords-unwritable, or what `change` throws; the file is then as it was. */
export async function changePasswords(
  path: string,
  { signal, ...options }: ChangeOptions,
  change: (entries: readonly PasswordEntry[]) => Promise<readonly PasswordEntry[]>,
): Promise<void> {
  const target = await writing(path, () => followLinks(path));
  const work = async () => {
    const text = await readText(target);
    const entries = await change(text === undefined ? [] : parsePasswords(text, path));
    const wanted = formatPasswords(entries);
    await writing(path, async () => {
      const ownership = await ownershipOf(target);
      const replacement = await reserveReplacement({ target, text: wanted, ownership, ...options });
      try {
        await replacement.publish(wanted, text === undefined ? 'create' : 'replace');
      } finally {
        await replacement.release();
      }
    });
  };
  await writing(path, () => withLock(target, options, work, signal));
}

/** Undefined when there is none. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new AppError(
      'passwords-unusable',
      `cannot read the passwords file ${path}: ${describeCause(error)}`,
      {
        hint: `run it as the owner of the file: ls -l ${path}`,
        cause: error,
      },
    );
  }
}

async function ownershipOf(target: string): Promise<{ uid: number; gid: number; mode: number } | object> {
  const existing = await stat(target).catch(() => undefined);
  if (existing !== undefined) return { uid: existing.uid, gid: existing.gid, mode: existing.mode & 0o7777 };
  if (process.geteuid?.() !== 0) return {};
  const { gid, uid } = await stat(dirname(target));
  return { uid, gid };
}

/** The folder of token files speaks of token files. */
async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { cause, code, hint, message } = toAppError(error);
    if (!code.startsWith('token-')) throw error;
    const reason = cause === undefined ? message.replace(/^[^:]*: /, '') : describeCause(cause);
    throw new AppError('passwords-unwritable', `cannot write the passwords file ${path}: ${reason}`, {
      hint,
      cause,
    });
  }
}
