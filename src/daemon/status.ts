/** Puts the status server together, where one is configured; what it takes to serve is loaded only then. */
import type { StatusSettings } from '../config/status.js';
import type { Logger } from '../core/logger.js';
import type { StatusSource } from '../status/source.js';
import { packageVersion } from './version.js';

export interface Status {
  /** False until this is called, and again from the moment at which the daemon begins to stop. */
  ready(is: boolean): void;
  close(): Promise<void>;
}

type Parts = Pick<StatusSource, 'clock' | 'figures' | 'pool' | 'refreshes' | 'roster'> & {
  readonly logger: Logger;
};

/** Throws AppError listen-failed or config-invalid. */
export async function openStatus(
  settings: StatusSettings | undefined,
  { logger, ...parts }: Parts,
): Promise<Status | undefined> {
  if (settings === undefined) return undefined;
  let isReady = false;
  const { listen, nameAccounts } = settings;
  const source = { ...parts, nameAccounts, version: packageVersion(), isReady: () => isReady };
  const { startStatusServer } = await import('../status/server.js');
  const server = await startStatusServer(listen, source, logger);
  logger.info({ where: server.where }, 'showing the status');
  return { ready: (is) => void (isReady = is), close: () => server.close() };
}
