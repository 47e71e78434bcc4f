/** `mailbearer serve`: runs until SIGTERM or SIGINT, then finishes what is in flight and exits with 0. */
import { loadConfig } from '../../config/load.js';
import { systemClock, type Timer } from '../../core/clock.js';
import { exitStatus } from '../../core/errors.js';
import type { LogLevel } from '../../core/logger.js';
import { createLog, type LogFormat } from '../../daemon/log.js';
import { startDaemon } from '../../daemon/serve.js';
import { describeStanding } from '../../daemon/standing.js';
import { findServiceManager } from '../../daemon/systemd.js';

export interface ServeOptions {
  readonly configFile?: string | undefined;
  readonly logLevel?: LogLevel | undefined;
  readonly logFormat?: LogFormat | undefined;
}

const dayMs = 24 * 3_600_000;

/** Throws AppError when it cannot start. */
export async function runServe(options: ServeOptions): Promise<number> {
  const loaded = await loadConfig({ configFile: options.configFile, env: process.env });
  const config =
    options.logLevel === undefined ? loaded.config : { ...loaded.config, logLevel: options.logLevel };
  const log = await createLog(config.logLevel, options.logFormat ?? 'auto');
  const manager = findServiceManager({ env: process.env, clock: systemClock, logger: log });
  try {
    for (const warning of loaded.warnings) log.warn({ config: config.source }, warning);
    const stop = stopSignal();
    const daemon = await startDaemon(config, log);
    log.info({ config: config.source ?? 'none' }, 'ready');
    manager?.standing(() => describeStanding({ addresses: daemon.addresses, accounts: daemon.accounts() }));
    manager?.ready();
    const signal = await awake(stop);
    log.info({ signal }, 'stopping: finishing the messages in flight');
    manager?.stopping();
    await daemon.close();
    log.info({}, 'stopped');
    return exitStatus.ok;
  } finally {
    await manager?.close();
    log.flush();
  }
}

/** What listens nowhere has nothing else that keeps the process alive. */
async function awake<T>(until: Promise<T>): Promise<T> {
  let timer: Timer;
  const stay = () => void (timer = systemClock.setTimer(dayMs, stay));
  stay();
  return until.finally(() => timer.cancel());
}

/** The first of the two signals; a second SIGINT ends the process at once, as people at a terminal expect. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}
