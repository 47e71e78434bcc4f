/** What `serve` makes of one configuration: the accounts with their refreshers, the upstream sessions, the relay's options. */
import { hostname } from 'node:os';
import { readSaslPasswd } from '../accounts/sasl-passwd.js';
import type { Config } from '../config/config.js';
import { defaultTokenDirectories, saslPasswdFile } from '../config/paths.js';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { openDatabase } from '../refresh/open-database.js';
import { RefreshPace } from '../refresh/pace.js';
import { openRoster, type Roster } from '../refresh/roster.js';
import type { RefreshWitness } from '../refresh/witness.js';
import type { Deadlines } from '../relay/deadlines.js';
import type { RelayFigures } from '../relay/figures.js';
import type { RelayOptions } from '../relay/listener.js';
import { ehloName } from '../relay/login.js';
import { UpstreamPool } from '../relay/pool.js';
import type { AccountDatabase } from '../tokens/postgres/accounts.js';
import { findExposures, secretFiles } from '../tokens/exposure.js';

/** What outlives a configuration. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly deadlines: Deadlines;
  readonly figures: RelayFigures;
  readonly witness: RefreshWitness;
  readonly stateFile: string;
}

export interface Parts {
  readonly config: Config;
  readonly roster: Roster;
  /** Undefined where the accounts are in files. */
  readonly database: AccountDatabase | undefined;
  readonly pool: UpstreamPool;
  readonly relay: RelayOptions;
  /**
   * Others have taken over, and what is under way may end. Resolves when no token is under way; then it may be closed
   * once the last session has ended.
   */
  rest(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Throws AppError config-invalid (accounts that contradict each other), store-unavailable, store-refused or store-mismatch.
 * @param before what is in service already
 */
export async function openParts(config: Config, around: Surroundings, before?: Parts): Promise<Parts> {
  const { clock, deadlines, figures, logger, random, witness } = around;
  // At a start it is waited for: after a power cut machines come back in any order. In place of accounts that are known it is not.
  const patient = before === undefined || before.roster.accounts().length === 0;
  const database = await openDatabase(config, around, { patient, stateFile: around.stateFile });
  // What a process before this one has left to be written.
  if (database?.awaited === undefined) await database?.finishKeptAnswers();
  const roster = await openRoster({
    config,
    database,
    witness,
    pace: new RefreshPace(clock, random, config.share),
    tokenDirectories: config.tokenDirs ?? defaultTokenDirectories,
    saslPasswd: await readSaslPasswd(saslPasswdFile),
    makesFiles: true,
    clock,
    random,
    logger,
    // Loaded with the first refresh: the libraries behind it take a fifth of the memory at the start.
    requestRefresh: async (client, refreshToken) =>
      (await import('../oauth/client.js')).requestRefresh(client, refreshToken),
    requestGrant: async (client, grant) => (await import('../oauth/grant.js')).requestGrant(client, grant),
  }).catch(async (error: unknown) => {
    await database?.close();
    throw error;
  });
  await warnAboutExposures(config, roster, logger);
  const traceDialogue = config.logLevel === 'trace';
  const clientName = ehloName(hostname());
  const pool = new UpstreamPool({
    clock,
    deadlines,
    figures,
    logger,
    clientName,
    traceDialogue,
    share: config.share,
    before: before?.pool,
  });
  const relay = {
    directory: roster,
    pool,
    deadlines,
    figures,
    clock,
    logger,
    settings: config.relay,
    hostname: clientName,
    traceDialogue,
  };
  return {
    ...{ config, roster, database, pool, relay },
    rest: () => {
      pool.retire();
      return roster.rest();
    },
    close: async () => {
      pool.close();
      await roster.close();
      await database?.close();
    },
  };
}

async function warnAboutExposures(config: Config, roster: Roster, logger: Logger): Promise<void> {
  const tokenFiles = roster.accounts().map(({ account }) => account.tokenFile);
  for (const { message, remedy: hint } of await findExposures(secretFiles(config, tokenFiles)))
    logger.warn({ hint }, message);
}
