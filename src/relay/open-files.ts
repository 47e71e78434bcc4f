/**
 * Keeps the limit on connections below what the system lets this process open. A connection beyond that would be
 * cut without a word, and none could be made to an upstream: so a quarter of the files is kept for those. Node
 * has raised the soft limit to the hard one by then.
 */
import { readFile } from 'node:fs/promises';
import type { RelayLimits } from '../config/limits.js';
import type { Logger } from '../core/logger.js';

/** The limits as they can be kept; says so in the log when they are lower than configured. */
export async function withinOpenFiles(limits: RelayLimits, logger: Logger): Promise<RelayLimits> {
  const openFiles = await openFilesAllowed();
  const connections = Math.floor((openFiles * 3) / 4);
  if (connections >= limits.connections) return limits;
  logger.warn(
    {
      openFiles,
      configured: limits.connections,
      connections,
      hint: 'raise LimitNOFILE= in the systemd unit',
    },
    'too few open files are allowed for as many connections',
  );
  return { ...limits, connections };
}

/** Infinity where the system does not tell. */
async function openFilesAllowed(): Promise<number> {
  const text = await readFile('/proc/self/limits', 'latin1').catch(() => '');
  const soft = /^Max open files +(\d+)/m.exec(text)?.[1];
  return soft === undefined ? Infinity : Number(soft);
}
