/**
 * The composition root of `serve`: token files, their refreshers and the relay, started in the order in which
 * the data flows and stopped in reverse.
 */
import { homedir, hostname } from 'node:os';
import { readSaslPasswd } from '../accounts/sasl-passwd.js';
import type { Config, ListenAddress } from '../config/config.js';
import { defaultTokenDirectories, saslPasswdFile } from '../config/paths.js';
import { systemClock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { Lookout } from '../refresh/lookout.js';
import { allOf } from '../refresh/witnesses.js';
import { openRoster } from '../refresh/roster.js';
import { findStateFile, StateFile } from '../refresh/state-file.js';
import { Deadlines } from '../relay/deadlines.js';
import { RelayFigures } from '../relay/figures.js';
import { startRelay } from '../relay/listener.js';
import { ehloName } from '../relay/login.js';
import { UpstreamPool } from '../relay/pool.js';
import { RefreshFigures } from '../status/refresh-figures.js';
import { findExposures, secretFiles } from '../tokens/exposure.js';
import { EventCommand } from './event-command.js';
import type { Standing } from './standing.js';
import { openStatus, type Status } from './status.js';

export interface Daemon {
  readonly addresses: readonly ListenAddress[];
  accounts(): Standing['accounts'];
  /** Stops accepting, finishes messages in flight, stores what is still to be stored. */
  close(): Promise<void>;
}

/** Throws AppError config-invalid (accounts that contradict each other) or listen-failed. */
export async function startDaemon(config: Config, logger: Logger): Promise<Daemon> {
  const clock = systemClock;
  const random = Math.random;
  warnAboutRoot(logger);
  const state = await openState(config, logger);
  const events =
    config.onEvent === undefined ? undefined : new EventCommand({ command: config.onEvent, clock, logger });
  const lookout = new Lookout({ clock, logger, state, tell: (event) => events?.run(event) });
  const refreshes = new RefreshFigures(clock);
  const close = async () => {
    await lookout.close();
    await events?.close();
  };
  const roster = await openRoster({
    config,
    witness: allOf(lookout, refreshes),
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
    await close();
    throw error;
  });
  await warnAboutExposures(
    config,
    roster.accounts().map(({ account }) => account.tokenFile),
    logger,
  );
  const traceDialogue = config.logLevel === 'trace';
  const deadlines = new Deadlines(clock);
  const clientName = ehloName(hostname());
  const figures = new RelayFigures();
  const pool = new UpstreamPool({ clock, deadlines, figures, logger, clientName, traceDialogue });
  let status: Status | undefined;
  try {
    status = await openStatus(config.status, { clock, figures, pool, refreshes, roster, logger });
    const relay = await startRelay({
      directory: roster,
      pool,
      deadlines,
      figures,
      clock,
      logger,
      settings: config.relay,
      hostname: clientName,
      traceDialogue,
    });
    for (const { host, port } of relay.addresses) logger.info({ host, port }, 'listening');
    status?.ready(true);
    return {
      addresses: relay.addresses,
      accounts: () => roster.accounts(),
      close: async () => {
        status?.ready(false);
        await relay.close();
        pool.close();
        await roster.close();
        await status?.close();
        await close();
      },
    };
  } catch (error) {
    await roster.close();
    await status?.close();
    await close();
    throw error;
  }
}

async function openState({ stateDir }: Config, logger: Logger): Promise<StateFile> {
  const path = await findStateFile(stateDir, process.env, homedir());
  return StateFile.open({ path, clock: systemClock, random: Math.random, logger });
}

function warnAboutRoot(logger: Logger): void {
  if (process.getuid?.() !== 0) return;
  logger.warn(
    {},
    'running as root: run as the owner of the token files instead (User=postfix where sasl-xoauth2 shares them)',
  );
}

async function warnAboutExposures(
  config: Config,
  tokenFiles: readonly string[],
  logger: Logger,
): Promise<void> {
  for (const { message, remedy: hint } of await findExposures(secretFiles(config, tokenFiles)))
    logger.warn({ hint }, message);
}
