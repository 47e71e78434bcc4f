/**
 * The composition root of `serve`: token files, their refreshers and the relay, started in the order in which
 * the data flows and stopped in reverse.
 */
import { hostname } from 'node:os';
import { readSaslPasswd } from '../accounts/sasl-passwd.js';
import type { Config, ListenAddress } from '../config/config.js';
import { defaultTokenDirectories, saslPasswdFile } from '../config/paths.js';
import { systemClock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { findExposures, secretFiles } from '../tokens/exposure.js';
import { openRoster } from '../refresh/roster.js';
import { Deadlines } from '../relay/deadlines.js';
import { startRelay } from '../relay/listener.js';
import { ehloName } from '../relay/login.js';
import { UpstreamPool } from '../relay/pool.js';

export interface Daemon {
  readonly addresses: readonly ListenAddress[];
  /** Stops accepting, finishes messages in flight, stores what is still to be stored. */
  close(): Promise<void>;
}

/** Throws AppError config-invalid (accounts that contradict each other) or listen-failed. */
export async function startDaemon(config: Config, logger: Logger): Promise<Daemon> {
  const clock = systemClock;
  const random = Math.random;
  warnAboutRoot(logger);
  const roster = await openRoster({
    config,
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
  });
  await warnAboutExposures(
    config,
    roster.accounts().map(({ account }) => account.tokenFile),
    logger,
  );
  const traceDialogue = config.logLevel === 'trace';
  const deadlines = new Deadlines(clock);
  const clientName = ehloName(hostname());
  const pool = new UpstreamPool({ clock, deadlines, logger, clientName, traceDialogue });
  try {
    const relay = await startRelay({
      directory: roster,
      pool,
      deadlines,
      clock,
      logger,
      settings: config.relay,
      hostname: clientName,
      traceDialogue,
    });
    for (const { host, port } of relay.addresses) logger.info({ host, port }, 'listening');
    return {
      addresses: relay.addresses,
      close: async () => {
        await relay.close();
        pool.close();
        await roster.close();
      },
    };
  } catch (error) {
    await roster.close();
    throw error;
  }
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
