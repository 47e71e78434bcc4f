/** Where `get-token` puts its result when the accounts are in a database: into a row, once it is known that it may be written. */
import { AppError } from '../core/errors.js';
import { isTokenFileName } from '../tokens/names.js';
import type { AccountDatabase } from '../tokens/postgres/accounts.js';
import type { TokenOutput } from './token-output.js';

/**
 * The account that the argument means: its name, or its place as messages have it. Undefined for a file's path, which has
 * a slash.
 */
export function accountInDatabase(word: string, database: AccountDatabase | undefined): string | undefined {
  if (database === undefined || word === '-') return undefined;
  const places = database.placeOf('');
  const name = word.startsWith(places) ? word.slice(places.length) : word;
  return name.includes('/') ? undefined : name;
}

/** Throws AppError usage, token-exists, token-unreadable, store-unavailable, store-refused or store-mismatch. */
export async function openDatabaseOutput(
  name: string,
  database: AccountDatabase,
  overwrite: boolean,
): Promise<TokenOutput> {
  const place = database.placeOf(name);
  if (!isTokenFileName(name))
    throw new AppError('usage', `${name} is no name that an account can have`, {
      hint: 'name it as the mailbox, such as a@b.example',
    });
  const exists = new AppError('token-exists', `${place} is there already`, {
    hint: 'to replace its token, add --overwrite-existing-token',
  });
  const row = await database.rowToSignIn(name);
  if (row !== undefined && !overwrite) throw exists;
  const output: TokenOutput = {
    path: place,
    existing: row !== undefined && 'text' in row ? database.token(row).overrides : undefined,
    inKeyring: false,
    // All that is in a row is encrypted.
    withKeyring: () => Promise.resolve(output),
    async write(fields) {
      if (!(await database.signIn(name, fields, overwrite))) throw exists;
    },
    read: () => database.store(name).read(),
  };
  return output;
}
