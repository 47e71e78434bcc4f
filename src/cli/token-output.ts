/**
 * Where `get-token` puts its result: a token file that was proved writable beforehand, with the keyring for the secrets if
 * that is wanted, a row of the database that has the accounts, or standard output.
 */
import { resolve } from 'node:path';
import type { TokenFileOverrides } from '../accounts/account.js';
import { AppError } from '../core/errors.js';
import { openKeyring } from '../tokens/keyring-store.js';
import { createFileStore } from '../tokens/file-store.js';
import { editFields, type TokenFields } from '../tokens/format.js';
import { checkTokenFileWritable, createTokenFile, type NewFileOptions } from '../tokens/new-file.js';
import type { AccountDatabase } from '../tokens/postgres/accounts.js';
import type { StoredToken } from '../tokens/token.js';
import { accountInDatabase, openDatabaseOutput } from './database-output.js';
import type { Ui } from './ui.js';

export interface TokenOutput {
  /** Absolute, or the row's place; undefined for standard output. */
  readonly path: string | undefined;
  /** What the file that will be replaced says beside its tokens. */
  readonly existing: TokenFileOverrides | undefined;
  /** Whether `write` puts the secrets into the keyring. */
  readonly inKeyring: boolean;
  /**
   * The same with the secrets in the keyring, which was proved writable; `existing` has the client secret that is there.
   * Standard output stays what it is. Throws AppError keyring-unavailable.
   */
  withKeyring(): Promise<TokenOutput>;
  /** Throws AppError token-exists, token-unwritable or keyring-unavailable. */
  write(fields: TokenFields): Promise<void>;
  /** What was written; not of standard output. */
  read(): Promise<StoredToken>;
}

/** `file` is the argument: a path, the name of an account in `database`, or `-` or nothing for standard output. Throws as `write` would. */
export async function openTokenOutput(
  file: string | undefined,
  { database, ...options }: NewFileOptions & { readonly database: AccountDatabase | undefined },
  ui: Ui,
): Promise<TokenOutput> {
  if (file === undefined || file === '-') {
    const output: TokenOutput = {
      path: undefined,
      existing: undefined,
      inKeyring: false,
      withKeyring: () => Promise.resolve(output),
      write: (fields) => ui.data(editFields('{}', fields, 'standard output').trimEnd()),
      read: () => Promise.reject(new AppError('internal', 'standard output was not kept')),
    };
    return output;
  }
  const name = accountInDatabase(file, database);
  if (database !== undefined && name !== undefined)
    return openDatabaseOutput(name, database, options.overwrite);
  const path = resolve(file);
  await checkTokenFileWritable(path, options);
  const output: TokenOutput = {
    path,
    existing: options.overwrite ? await readExisting(path, options) : undefined,
    inKeyring: false,
    async withKeyring() {
      const { clientSecret } = await openKeyring(path, options.clock);
      const { existing } = output;
      return {
        ...output,
        inKeyring: true,
        existing: existing && { ...existing, clientSecret: existing.clientSecret ?? clientSecret },
        write: (fields) => createTokenFile(path, fields, { ...options, keyring: true }),
      };
    },
    write: (fields) => createTokenFile(path, fields, options),
    read: () => createFileStore({ path, ...options }).read(),
  };
  return output;
}

/** A file that is missing or damaged says nothing. */
async function readExisting(path: string, options: NewFileOptions): Promise<TokenFileOverrides | undefined> {
  try {
    return (await createFileStore({ path, ...options }).read()).overrides;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
