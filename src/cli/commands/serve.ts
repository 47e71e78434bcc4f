/**
 * `mailbearer serve`: runs until SIGTERM or SIGINT, then finishes what is in flight and exits with 0. SIGHUP, and a
 * changed file, make it read its configuration again.
 */
import { isatty } from 'node:tty';
import { loadConfig } from '../../config/load.js';
import type { Loaded } from '../../config/parse.js';
import { systemClock, type Timer } from '../../core/clock.js';
import { exitStatus } from '../../core/errors.js';
import type { LogLevel } from '../../core/logger.js';
import { takeInherited } from '../../daemon/inherited.js';
import { createLog, type LogFormat } from '../../daemon/log.js';
import { fingerprintOf, Reloader } from '../../daemon/reload.js';
import { startDaemon } from '../../daemon/serve.js';
import { describeStanding } from '../../daemon/standing.js';
import { findServiceManager } from '../../daemon/systemd.js';

export interface ServeOptions {
  readonly configFile?: string | undefined;
  readonly logLevel?: LogLevel | undefined;
  readonly logFormat?: LogFormat | undefined;
}

const dayMs = 24 * 3_600_000;
const standardInput = 0;

/** Throws AppError when it cannot start. */
export async function runServe(options: ServeOptions): Promise<number> {
  const signals = heedSignals();
  const { config, warnings } = await load(options);
  const fingerprint = await fingerprintOf(config);
  const { journal, sockets } = takeInherited(process.env);
  const log = await createLog(config.logLevel, options.logFormat ?? 'auto', journal);
  const manager = findServiceManager({ env: process.env, clock: systemClock, logger: log });
  try {
    for (const warning of warnings) log.warn({ config: config.source }, warning);
    const daemon = await startDaemon(config, log, sockets);
    let isCurrent = true;
    const reloader = await Reloader.start({
      config,
      fingerprint,
      load: () => load(options),
      apply: async (next) => {
        await daemon.reconfigure(next);
        log.setLevel(next.logLevel);
      },
      onBegin: () => manager?.reloading(),
      onEnd: (success) => {
        isCurrent = success;
        manager?.ready();
      },
      clock: systemClock,
      logger: log,
    });
    log.info({ config: config.source ?? 'none' }, 'ready');
    manager?.standing(() =>
      describeStanding({
        ...{ addresses: daemon.addresses, accounts: daemon.accounts(), away: daemon.away, isCurrent },
      }),
    );
    manager?.ready();
    signals.onHangUp(() => reloader.reload());
    const signal = await awake(signals.stop);
    log.info({ signal }, 'stopping: finishing the messages in flight');
    manager?.stopping();
    await reloader.close();
    await daemon.close();
    log.info({}, 'stopped');
    return exitStatus.ok;
  } finally {
    await manager?.close();
    log.flush();
  }
}

async function load({ configFile, logLevel }: ServeOptions): Promise<Loaded> {
  const loaded = await loadConfig({ configFile, env: process.env });
  return logLevel === undefined ? loaded : { ...loaded, config: { ...loaded.config, logLevel } };
}

/** What listens nowhere has nothing else that keeps the process alive. */
async function awake<T>(until: Promise<T>): Promise<T> {
  let timer: Timer;
  const stay = () => void (timer = systemClock.setTimer(dayMs, stay));
  stay();
  return until.finally(() => timer.cancel());
}

interface Signals {
  /** The first that ends the service; a second SIGINT ends the process at once, as people at a terminal expect. */
  readonly stop: Promise<NodeJS.Signals>;
  /** Calls `act` for each SIGHUP, one that has come already included. */
  onHangUp(act: () => void): void;
}

function heedSignals(): Signals {
  const hasTerminal = isatty(standardInput);
  let wasHungUp = false;
  let hangUp: () => void = () => (wasHungUp = true);
  const stop = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
    // A terminal that has gone takes along what ran on it.
    process.on('SIGHUP', () => (hasTerminal && !isatty(standardInput) ? resolve('SIGHUP') : hangUp()));
  });
  return {
    stop,
    onHangUp: (act) => {
      hangUp = act;
      if (wasHungUp) act();
    },
  };
}
