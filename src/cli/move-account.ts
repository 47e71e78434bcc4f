/** An account from a token file, and the keyring, into a database, and back: all that the file says, and when it was written. */
import { mkdir, utimes } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Clock } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import { parseToken } from '../tokens/format.js';
import { withSecrets } from '../tokens/keyring-store.js';
import { isTokenFileName } from '../tokens/names.js';
import { copyToTokenFile } from '../tokens/new-file.js';
import type { AccountDatabase, AccountRow, UnreadableRow } from '../tokens/postgres/accounts.js';
import { readTokenText } from '../tokens/read-file.js';

export interface Move {
  readonly database: AccountDatabase;
  readonly clock: Clock;
  readonly random: () => number;
  readonly overwrite: boolean;
  /** Refresh token and client secret of the file are in the keyring. */
  readonly keyring: boolean;
}

/** The name of the account. Throws AppError token-missing, token-unreadable, token-invalid, token-exists or keyring-unavailable. */
export async function importFile(
  path: string,
  { clock, database, keyring, overwrite }: Move,
): Promise<string> {
  const name = basename(path);
  const { modifiedAt, text: inFile } = await readTokenText(path);
  if (!isTokenFileName(name)) throw notAName(path);
  const text = keyring ? await withSecrets(path, inFile, clock) : inFile;
  parseToken(text, path);
  if (await database.add(name, text, { overwrite, writtenAt: modifiedAt })) return name;
  throw new AppError('token-exists', `${database.placeOf(name)} is there already`, {
    hint: 'to replace its token, add --overwrite',
  });
}

/** The path of the file, 0600. Throws AppError token-exists, token-unwritable or keyring-unavailable, or why the row can't be read. */
export async function exportAccount(
  row: AccountRow | UnreadableRow,
  directory: string,
  options: Move,
): Promise<string> {
  if ('problem' in row) throw row.problem;
  const path = join(resolve(directory), row.name);
  await mkdir(resolve(directory), { recursive: true, mode: 0o700 });
  await copyToTokenFile(path, row.text, options).catch((error: unknown) => {
    if (!(error instanceof AppError) || error.code !== 'token-exists') throw error;
    throw new AppError('token-exists', error.message, { hint: 'to replace its token, add --overwrite' });
  });
  await utimes(path, row.writtenAt / 1000, row.writtenAt / 1000);
  return path;
}

function notAName(path: string): AppError {
  return new AppError('token-invalid', `${path} has a name that no account has`, {
    hint: 'name it as the mailbox, such as a@b.example',
  });
}
