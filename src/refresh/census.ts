/**
 * All accounts as they stand on disk and in the configuration at one moment: each token file read and resolved,
 * and each configured account whose file is missing. One bad file is one broken account and disturbs no other.
 */
import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  type Account,
  type AnyAccount,
  type BrokenAccount,
  isBroken,
  problemOf,
  serverOf,
  type TokenFileOverrides,
} from '../accounts/account.js';
import { type AccountSource, resolveAccount } from '../accounts/resolve.js';
import { type SaslLogins, saslLogin } from '../accounts/sasl-passwd.js';
import type { Config } from '../config/config.js';
import { defaultTokenDirectories } from '../config/paths.js';
import { mapConcurrently } from '../core/concurrently.js';
import { type AppError, systemErrorCode, toAppError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import { directoriesOf, listTokenFiles, type TokenFileEntry } from '../tokens/directory.js';
import { openTokenStore } from '../tokens/keyring-store.js';
import type { LockOptions } from '../tokens/lock.js';
import { createTokenFile } from '../tokens/new-file.js';
import type { AccountDatabase } from '../tokens/postgres/accounts.js';
import { type FileStamp, readTokenText, storedToken } from '../tokens/read-file.js';
import type { StoredToken, TokenStore } from '../tokens/token.js';
import type { CensusMemory } from './census-memory.js';
import { takeDatabaseCensus } from './database-census.js';

export interface CensusOptions extends LockOptions {
  /**
   * Whether the token file of an account that needs no sign-in is made where it is missing: nobody else makes it.
   */
  readonly makesFiles?: boolean | undefined;
  readonly config: Config;
  readonly tokenDirectories: readonly string[];
  readonly saslPasswd: SaslLogins;
  /** Set: the accounts are there, and no token directory is looked at. */
  readonly database?: AccountDatabase | undefined;
}

/** One token file, or the place where a configured account's should be. */
export type Found =
  | {
      readonly path: string;
      readonly account: Account;
      readonly store: TokenStore;
      readonly stored: StoredToken;
      /** Of a file. */
      readonly stamp?: FileStamp;
    }
  | { readonly path: string; readonly account: BrokenAccount };

interface Unchanged {
  readonly path: string;
  readonly account: Account;
}

export interface Census {
  readonly found: readonly Found[];
  /** Files that are as they were when they were read before. */
  readonly unchanged: readonly Unchanged[];
  /** Files that a link leads to, or that are none: what happens to another is no other's business. */
  readonly linked: ReadonlySet<string>;
  /** Where a change can change this: the token directories, and those of the files that symlinks lead to. */
  readonly directories: readonly string[];
}

/** Each read waits for the file system, not for us. */
const readsAtOnce = 16;

/**
 * `onProblem` hears of each token directory that cannot be listed; of the default ones, one or both may be missing.
 * @param memory of what was read before
 */
export async function takeCensus(
  options: CensusOptions,
  onProblem: (problem: AppError) => void,
  memory?: CensusMemory,
): Promise<Census> {
  const { config, database, tokenDirectories } = options;
  if (database !== undefined)
    return {
      ...{ found: await takeDatabaseCensus(options, database), unchanged: [] },
      ...{ linked: new Set(), directories: [] },
    };
  const listed = await listTokenFiles(tokenDirectories, (problem) => {
    if (config.tokenDirs !== undefined || systemErrorCode(problem.cause) !== 'ENOENT') onProblem(problem);
  });
  const entries = await addConfigured(config, listed);
  const unchanged: Unchanged[] = [];
  const looked = await mapConcurrently(entries, readsAtOnce, async ({ path }) => {
    const account = await memory?.recall(path);
    if (account === undefined) return readAnew(options, path, memory);
    unchanged.push({ path, account });
    return undefined;
  });
  const found = looked.filter((each) => each !== undefined);
  if (config.accounts.size > 0) {
    const names = new Set([...found, ...unchanged].map(({ account }) => account.name));
    const home = tokenDirectories[0] ?? defaultTokenDirectories[0]!;
    for (const name of config.accounts.keys())
      if (!names.has(name)) found.push(await readAccount(options, join(home, name)));
  }
  const directories = new Set(tokenDirectories);
  for (const entry of entries) for (const directory of directoriesOf(entry)) directories.add(directory);
  const linked = new Set(entries.filter(({ path, target }) => path !== target).map(({ path }) => path));
  return { found, unchanged, linked, directories: [...directories] };
}

/** What the file says now, for the memory, too. */
export async function readAnew(
  options: CensusOptions,
  path: string,
  memory: CensusMemory | undefined,
): Promise<Found> {
  const begunAt = options.clock.now();
  const found = await readAccount(options, path);
  // What cannot be used may be mended by a change of something else, such as the mode of its directory.
  if ('stored' in found && found.stamp !== undefined) memory?.note(path, found.account, found.stamp, begunAt);
  else memory?.forget(path);
  return found;
}

/** A file that `token_file` names goes by that path, wherever else it was found. */
async function addConfigured(config: Config, listed: TokenFileEntry[]): Promise<TokenFileEntry[]> {
  const entries = [...listed];
  const places = new Map(listed.map(({ target }, at) => [target, at]));
  for (const { tokenFile: path } of config.accounts.values()) {
    if (path === undefined) continue;
    const target = await realpath(path).catch(() => path);
    const at = places.get(target) ?? entries.length;
    places.set(target, at);
    entries[at] = { path, target };
  }
  return entries;
}

/** One token file as an account; a file that cannot be read makes a broken one. */
export async function readAccount(options: CensusOptions, path: string): Promise<Found> {
  const { config, database, saslPasswd } = options;
  if (database !== undefined) {
    const name = basename(path);
    const [row] = await takeDatabaseCensus(options, database, [name]);
    if (row !== undefined) return row;
    throw database.missing(name);
  }
  const source = { tokenFile: path, saslPasswdUser: saslLogin(saslPasswd, path) };
  let stored: StoredToken;
  let stamp: FileStamp;
  try {
    const file = await readTokenText(path);
    stored = storedToken(file.text, file.modifiedAt, path);
    ({ stamp } = file);
  } catch (error) {
    const problem = toAppError(error);
    if (problem.code === 'token-missing' && options.makesFiles === true && needsNoSignIn(config, source))
      return makeFile(options, path);
    return { path, account: brokenBy(problem, resolveAccount(config, { ...source, problem })) };
  }
  const account = resolveAccount(config, { ...source, overrides: stored.overrides });
  if (isBroken(account)) return { path, account };
  return { path, account, store: openTokenStore(account, options), stored, stamp };
}

function needsNoSignIn(config: Config, source: AccountSource): boolean {
  const account = resolveAccount(config, source);
  return !isBroken(account) && account.grant.kind !== 'refresh-token';
}

/** An empty file, which the first refresh fills. */
async function makeFile(options: CensusOptions, path: string): Promise<Found> {
  try {
    await createTokenFile(path, {}, { ...options, overwrite: false });
  } catch (error) {
    const problem = toAppError(error);
    if (problem.code !== 'token-exists') {
      const { config, saslPasswd } = options;
      const source = { tokenFile: path, saslPasswdUser: saslLogin(saslPasswd, path), problem };
      return { path, account: brokenBy(problem, resolveAccount(config, source)) };
    }
  }
  return readAccount({ ...options, makesFiles: false }, path);
}

/** An account that is broken because of `problem`, in the words that its resolution has for it. */
function brokenBy(problem: AppError, account: AnyAccount): BrokenAccount {
  const { name, senders, tokenFile } = account;
  return { name, senders, tokenFile, smtp: serverOf(account), problem: problemOf(account) ?? problem };
}

/** Whether two readings of one file make the same account; nothing else in it has a say. */
export function sameOverrides(one: TokenFileOverrides, other: TokenFileOverrides): boolean {
  const keys = Object.keys({ ...one, ...other }) as (keyof TokenFileOverrides)[];
  return keys.every((key) => {
    const [a, b] = [one[key], other[key]];
    return a instanceof Secret && b instanceof Secret ? a.equals(b) : a === b;
  });
}
