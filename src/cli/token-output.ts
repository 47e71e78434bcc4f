/** Where `get-token` puts its result: a token file that was proved writable beforehand, or standard output. */
import { resolve } from 'node:path';
import type { TokenFileOverrides } from '../accounts/account.js';
import { AppError } from '../core/errors.js';
import { createFileStore } from '../tokens/file-store.js';
import { editFields, type TokenFields } from '../tokens/format.js';
import { checkTokenFileWritable, createTokenFile, type NewFileOptions } from '../tokens/new-file.js';
import type { Ui } from './ui.js';

export interface TokenOutput {
  /** Absolute; undefined for standard output. */
  readonly path: string | undefined;
  /** What the file that will be replaced says beside its tokens. */
  readonly existing: TokenFileOverrides | undefined;
  /** Throws AppError token-exists or token-unwritable. */
  write(fields: TokenFields): Promise<void>;
}

/** `file` is the argument: a path, or `-` or nothing for standard output. Throws as `write` would. */
export async function openTokenOutput(
  file: string | undefined,
  options: NewFileOptions,
  ui: Ui,
): Promise<TokenOutput> {
  if (file === undefined || file === '-')
    return {
      path: undefined,
      existing: undefined,
      write: (fields) => ui.data(editFields('{}', fields, 'standard output').trimEnd()),
    };
  const path = resolve(file);
  await checkTokenFileWritable(path, options);
  return {
    path,
    existing: options.overwrite ? await readExisting(path, options) : undefined,
    write: (fields) => createTokenFile(path, fields, options),
  };
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
