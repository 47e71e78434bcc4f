/**
 * What every one-shot command starts from: the configuration, Postfix's login names, the system's clock and
 * chance. The composition root: below it, all of these are parameters.
 */
import { homedir } from 'node:os';
import type { AnyAccount, TokenFileOverrides } from '../accounts/account.js';
import { resolveAccount } from '../accounts/resolve.js';
import { readSaslPasswd, saslLogin, type SaslLogins } from '../accounts/sasl-passwd.js';
import type { Config } from '../config/config.js';
import { loadConfig } from '../config/load.js';
import { saslPasswdFile } from '../config/paths.js';
import { type Clock, systemClock } from '../core/clock.js';
import { silentLogger } from '../core/logger.js';
import { findStateFile, StateFile } from '../refresh/state-file.js';
import type { AccountDatabase } from '../tokens/postgres/accounts.js';

export interface Context {
  readonly config: Config;
  /** What the configuration says and nobody understands; one sentence each. */
  readonly warnings: readonly string[];
  readonly logins: SaslLogins;
  readonly clock: Clock;
  readonly random: () => number;
  /** What is remembered of accounts, once opened. Without it nothing fails, and nothing is said. */
  readonly memory: () => Promise<StateFile>;
  /** Where the accounts are, once opened; undefined where they are in files. Throws as AccountDatabase.open does. */
  readonly database: () => Promise<AccountDatabase | undefined>;
}

/** `configFile` is `--config-file`'s. Throws AppError config-unreadable or config-invalid. */
export async function openContext(configFile: string | undefined): Promise<Context> {
  const { config, warnings } = await loadConfig({ configFile, env: process.env });
  const logins = await readSaslPasswd(saslPasswdFile);
  let opened: Promise<StateFile> | undefined;
  const memory = () => (opened ??= openMemory(config));
  let database: Promise<AccountDatabase | undefined> | undefined;
  return {
    config,
    warnings,
    logins,
    clock: systemClock,
    random: Math.random,
    memory,
    database: () => (database ??= openAccounts(config)),
  };
}

/** Loaded where there is one: most commands have nothing to do with it. Its sessions end with the process. */
async function openAccounts(config: Config): Promise<AccountDatabase | undefined> {
  if (config.postgres === undefined) return undefined;
  const { openDatabase } = await import('../refresh/open-database.js');
  return openDatabase(config, { clock: systemClock, random: Math.random });
}

async function openMemory({ stateDir }: Config): Promise<StateFile> {
  return StateFile.open({
    path: await findStateFile(stateDir, process.env, homedir()),
    clock: systemClock,
    random: Math.random,
    logger: silentLogger,
    // What root makes, the service could not write.
    makesDirectory: process.geteuid?.() !== 0,
  });
}

/** The account that `serve` would make of a token file that says this. */
export function accountOf(
  { config, logins }: Context,
  tokenFile: string,
  overrides: TokenFileOverrides,
): AnyAccount {
  return resolveAccount(config, { tokenFile, overrides, saslPasswdUser: saslLogin(logins, tokenFile) });
}
