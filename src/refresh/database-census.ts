/**
 * The accounts that stand in a database, each row read and resolved as a token file would be, and each configured account
 * that has none. One bad row is one broken account and disturbs no other.
 */
import { basename } from 'node:path';
import { isBroken } from '../accounts/account.js';
import { type AccountSource, resolveAccount } from '../accounts/resolve.js';
import { type AppError, toAppError } from '../core/errors.js';
import type { AccountDatabase, AccountRow, UnreadableRow } from '../tokens/postgres/accounts.js';
import type { CensusOptions, Found } from './census.js';

/** All accounts, or those of these names that there are. Throws AppError store-unavailable or store-refused. */
export async function takeDatabaseCensus(
  options: CensusOptions,
  database: AccountDatabase,
  names?: readonly string[],
): Promise<readonly Found[]> {
  const rows = await database.list(names);
  const found = rows.map((row) => readRow(options, database, row));
  const known = new Set([...rows, ...found.map(({ account }) => account)].map(({ name }) => name));
  const wanted = names && new Set(names);
  for (const name of options.config.accounts.keys())
    if (!known.has(name) && wanted?.has(name) !== false)
      found.push(await readMissing(options, database, name));
  return found;
}

/**
 * The names of the rows that are others than `known` says, new, or gone: to read thousands anew takes seconds.
 * @param known versions, by the place of the row; undefined for one that could not be used
 */
export async function changedRows(
  database: AccountDatabase,
  known: ReadonlyMap<string, string | undefined>,
): Promise<readonly string[]> {
  const versions = await database.rows.versions();
  const others = [...versions].filter(([name, version]) => known.get(database.placeOf(name)) !== version);
  const gone = [...known.keys()].map((place) => basename(place)).filter((name) => !versions.has(name));
  return [...others.map(([name]) => name), ...gone];
}

function readRow(
  { config }: CensusOptions,
  database: AccountDatabase,
  row: AccountRow | UnreadableRow,
): Found {
  const path = database.placeOf(row.name);
  try {
    if ('problem' in row) throw row.problem;
    const stored = database.token(row);
    const account = resolveAccount(config, { tokenFile: path, overrides: stored.overrides });
    if (isBroken(account)) return { path, account };
    return { path, account, store: database.store(row.name), stored };
  } catch (error) {
    return brokenBy(toAppError(error), { tokenFile: path }, config);
  }
}

/** An account that nobody signs in for gets an empty row, which the first refresh fills. */
async function readMissing(options: CensusOptions, database: AccountDatabase, name: string): Promise<Found> {
  const { config } = options;
  const source = { tokenFile: database.placeOf(name) };
  const account = resolveAccount(config, source);
  if (options.makesFiles === true && !isBroken(account) && account.grant.kind !== 'refresh-token') {
    await database.add(name, '{}\n', { overwrite: false });
    const [row] = await database.list([name]);
    if (row !== undefined) return readRow(options, database, row);
  }
  return brokenBy(database.missing(name), source, config);
}

/** It still counts, and owns its senders. */
function brokenBy(problem: AppError, source: AccountSource, config: CensusOptions['config']): Found {
  const { name, senders, tokenFile } = resolveAccount(config, { ...source, problem });
  return { path: tokenFile, account: { name, senders, tokenFile, problem } };
}
