/**
 * `store`: the database of accounts from outside. Its tables are made, rows are encrypted with another key, and token files
 * are taken in and written out, whole. One line for each account on standard output.
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { PostgresSettings } from '../../config/postgres.js';
import { AppError, exitStatus } from '../../core/errors.js';
import { AccountDatabase } from '../../tokens/postgres/accounts.js';
import { schemaVersion, setUpStatement } from '../../tokens/postgres/schema.js';
import { listTokenFiles } from '../../tokens/directory.js';
import { databaseOptions } from '../../refresh/open-database.js';
import { type Context, openContext } from '../context.js';
import { type Move, exportAccount, importFile } from '../move-account.js';
import type { Ui } from '../ui.js';

type Work = 'rekey' | 'import' | 'export';

export interface StoreOptions {
  readonly configFile?: string;
  readonly action: 'init' | Work;
  readonly words: readonly string[];
  readonly print?: boolean;
  readonly overwrite?: boolean;
  readonly keyring?: boolean;
}

/** Resolves to the exit status; throws AppError, and what was moved until then has been moved. */
export async function runStore(options: StoreOptions, ui: Ui): Promise<number> {
  const context = await openContext(options.configFile);
  const settings = settingsOf(context);
  const { action } = options;
  if (action === 'init') await setUp(options, settings, context, ui);
  else {
    const database = await AccountDatabase.open(await databaseOptions(context.config, settings, context));
    try {
      await work({ ...options, action }, database, context, ui);
    } finally {
      await database.close();
    }
  }
  return exitStatus.ok;
}

function settingsOf({ config }: Context): PostgresSettings {
  if (config.postgres !== undefined) return config.postgres;
  throw new AppError('config-invalid', 'the configuration names no database of accounts', {
    hint: `add "token_store": "postgres://ROLE@HOST/DATABASE" to ${config.source ?? 'a configuration'}`,
  });
}

async function setUp(
  { print, words }: StoreOptions,
  settings: PostgresSettings,
  context: Context,
  ui: Ui,
): Promise<void> {
  refuse(words, 'init');
  if (print === true) return ui.data(setUpStatement(settings.user));
  await AccountDatabase.setUp(await databaseOptions(context.config, settings, context));
  ui.say(`The database is set up, at version ${schemaVersion}.`);
}

async function work(
  options: StoreOptions & { readonly action: Work },
  database: AccountDatabase,
  context: Context,
  ui: Ui,
): Promise<void> {
  const { overwrite = false, keyring = false, words } = options;
  const move: Move = { database, clock: context.clock, random: context.random, overwrite, keyring };
  switch (options.action) {
    case 'import': {
      if (words.length === 0) throw usage('import needs token files, or directories of them');
      const files = await filesOf(words);
      for (const file of files) await ui.data(`${await importFile(file, move)}: imported`);
      return;
    }
    case 'export': {
      const [directory, ...names] = words;
      if (directory === undefined) throw usage('export needs a directory');
      const rows = await database.list(names.length === 0 ? undefined : names);
      for (const name of names) if (!rows.some((row) => row.name === name)) throw database.missing(name);
      for (const row of rows) await ui.data(`${row.name}: ${await exportAccount(row, directory, move)}`);
      return;
    }
    case 'rekey': {
      refuse(words, 'rekey');
      const { rows } = database;
      const count = await rows.rekey();
      ui.say(`${count} accounts are encrypted anew, with key ${rows.keys.currentId}.`);
      for (const [id, inUse] of await rows.keysInUse()) await ui.data(`${id}: ${inUse}`);
    }
  }
}

async function filesOf(words: readonly string[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const path of words.map((word) => resolve(word))) {
    const isDirectory = await stat(path).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
    if (!isDirectory) files.push(path);
    else {
      const found = await listTokenFiles([path], (problem) => {
        throw problem;
      });
      for (const entry of found) files.push(entry.path);
    }
  }
  return files;
}

function refuse(words: readonly string[], action: string): void {
  if (words.length > 0) throw usage(`${action} takes no more words than that`);
}

function usage(what: string): AppError {
  return new AppError('usage', what, { hint: 'mailbearer store --help' });
}
