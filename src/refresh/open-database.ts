/** The database of accounts that a configuration names; answers that can't be written into it yet are kept beside the state file. */
import { homedir } from 'node:os';
import type { Config } from '../config/config.js';
import type { PostgresSettings } from '../config/postgres.js';
import { AccountDatabase, type AccountDatabaseOptions } from '../tokens/postgres/accounts.js';
import type { LockOptions } from '../tokens/lock.js';
import { findStateFile, keptAnswersDirectory } from './state-file.js';

/**
 * Undefined where the accounts are in files. Throws as AccountDatabase.open does.
 * @param patient as there
 */
export async function openDatabase(
  config: Config,
  means: LockOptions,
  { patient, stateFile }: { readonly patient?: boolean; readonly stateFile?: string } = {},
): Promise<AccountDatabase | undefined> {
  const { postgres } = config;
  return postgres && AccountDatabase.open(await databaseOptions(config, postgres, means, stateFile), patient);
}

/** @param stateFile by default where the configuration and the environment say that it is */
export async function databaseOptions(
  { stateDir }: Config,
  settings: PostgresSettings,
  { clock, random }: LockOptions,
  stateFile?: string,
): Promise<AccountDatabaseOptions> {
  const state = stateFile ?? (await findStateFile(stateDir, process.env, homedir()));
  return { settings, keptDirectory: keptAnswersDirectory(state), clock, random };
}
