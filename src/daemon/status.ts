/** Puts the status server together, where one is configured; what it takes to serve is loaded only then. */
import type { StatusSettings } from '../config/status.js';
import { toAppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Secret } from '../core/secret.js';
import type { StatusSource } from '../status/source.js';
import { keyFilePath, readOrMakeKey } from '../status/key-file.js';
import { findExposures } from '../tokens/exposure.js';
import { packageVersion } from './version.js';

export interface Status {
  /** False until this is called, and again from the moment at which the daemon begins to stop. */
  ready(is: boolean): void;
  close(): Promise<void>;
}

type Parts = Omit<StatusSource, 'isReady' | 'nameAccounts' | 'version'> & {
  /** False while it waits for their database for the first time. */
  readonly knowsAccounts: () => boolean;
  readonly logger: Logger;
  /** Its path. */
  readonly stateFile: string;
};

/** Throws AppError listen-failed or config-invalid. */
export async function openStatus(
  settings: StatusSettings | undefined,
  { knowsAccounts, logger, stateFile, ...parts }: Parts,
): Promise<Status | undefined> {
  if (settings === undefined) return undefined;
  let isReady = false;
  const { keyFile, listen, nameAccounts } = settings;
  const source = {
    ...parts,
    // A browser is not sent back to a socket in a directory.
    beginSignIn: listen.kind === 'unix' ? undefined : parts.beginSignIn,
    nameAccounts,
    version: packageVersion(),
    isReady: () => isReady && knowsAccounts(),
  };
  const { startStatusServer } = await import('../status/server.js');
  const { Access } = await import('../status/access.js');
  const keyPath = keyFilePath(keyFile, stateFile);
  const access = new Access(await keyFrom(keyPath, logger), parts.clock);
  // One that the configuration names is looked at with its other secrets.
  if (keyFile === undefined)
    for (const { message, remedy: hint } of await findExposures([keyPath])) logger.warn({ hint }, message);
  const server = await startStatusServer(listen, source, access, logger);
  logger.info({ where: server.where }, 'showing the status');
  return { ready: (is) => void (isReady = is), close: () => server.close() };
}

/** Mail does not wait for a page: without a key nobody is let in, and the log says why. */
async function keyFrom(path: string, logger: Logger): Promise<Secret | undefined> {
  return readOrMakeKey(path).catch((error: unknown) => {
    const { hint, message } = toAppError(error);
    logger.warn({ hint }, `the status page lets nobody in: ${message}`);
    return undefined;
  });
}
