/**
 * What systemd is told of a service of `Type=notify` (sd_notify(3)): that it is ready, reloads, stops, how it stands in
 * a sentence, and that it is alive. Node has no datagram sockets of the unix kind, so `systemd-notify` does the telling,
 * which is why the unit needs `NotifyAccess=all`. Nothing here ever throws or holds up the service.
 */
import { execFile } from 'node:child_process';
import type { Clock, Timer } from '../core/clock.js';
import { describeCause, systemErrorCode } from '../core/errors.js';
import type { Logger } from '../core/logger.js';

export interface ServiceManager {
  /** In service, for the first time or after `reloading`. Watched by systemd from then on. */
  ready(): void;
  reloading(): void;
  stopping(): void;
  /** How it stands; looked at every few seconds, told when it has changed. */
  standing(describe: () => string): void;
  /** Resolves when all is told. */
  close(): Promise<void>;
}

export interface ServiceManagerOptions {
  /** What is systemd's in it is taken out, for what the service starts shall not speak for it. */
  readonly env: Record<string, string | undefined>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const lookEveryMs = 5_000;
/** systemd-notify waits until it was heard, and gives up after as long by itself. */
const patienceMs = 10_000;

/** Undefined where nobody wants to be told. */
export function findServiceManager(options: ServiceManagerOptions): ServiceManager | undefined {
  const { env } = options;
  const { NOTIFY_SOCKET: socket, WATCHDOG_PID: watched, WATCHDOG_USEC: period } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_PID', 'WATCHDOG_USEC']) delete env[name];
  if (!socket) return undefined;
  const isWatched = period !== undefined && (watched === undefined || Number(watched) === process.pid);
  return new Systemd(options, socket, isWatched ? Number(period) / 1000 : undefined);
}

class Systemd implements ServiceManager {
  readonly #options: ServiceManagerOptions;
  readonly #socket: string;
  /** Undefined: systemd does not watch. */
  readonly #watchdogMs: number | undefined;
  /** One after the other: READY must not overtake RELOADING. */
  #telling: Promise<void> = Promise.resolve();
  #saidProblem = false;
  #describe: () => string = () => '';
  #told = '';
  readonly #timers = new Map<'look' | 'watchdog', Timer>();
  #closed = false;

  constructor(options: ServiceManagerOptions, socket: string, watchdogMs: number | undefined) {
    this.#options = options;
    this.#socket = socket;
    this.#watchdogMs = watchdogMs;
  }

  ready(): void {
    this.#told = this.#describe();
    this.#tell('READY=1', `STATUS=${this.#told}`);
    if (this.#timers.size > 0) return;
    this.#every('look', lookEveryMs, () => this.#look());
    // Half of the time, as sd_watchdog_enabled(3) advises.
    if (this.#watchdogMs !== undefined)
      this.#every('watchdog', this.#watchdogMs / 2, () => this.#tell('WATCHDOG=1'));
  }

  reloading(): void {
    // Of CLOCK_MONOTONIC, as hrtime is: the start of what READY will end (sd_notify(3), `Type=notify-reload`).
    const microseconds = process.hrtime.bigint() / 1000n;
    this.#tell('RELOADING=1', `MONOTONIC_USEC=${microseconds}`, 'STATUS=Reads its configuration again');
  }

  stopping(): void {
    this.#timers.get('look')?.cancel();
    this.#tell('STOPPING=1', 'STATUS=Finishes the messages in flight');
  }

  standing(describe: () => string): void {
    this.#describe = describe;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    await this.#telling;
  }

  #look(): void {
    const sentence = this.#describe();
    if (sentence === this.#told) return;
    this.#told = sentence;
    this.#tell(`STATUS=${sentence}`);
  }

  #every(what: 'look' | 'watchdog', periodMs: number, act: () => void): void {
    const again = () => {
      if (this.#closed) return;
      act();
      this.#every(what, periodMs, act);
    };
    this.#timers.set(what, this.#options.clock.setTimer(periodMs, again, { unref: true }));
  }

  #tell(...assignments: string[]): void {
    this.#telling = this.#telling.then(() => this.#notify(assignments));
  }

  #notify(assignments: readonly string[]): Promise<void> {
    const env = { PATH: process.env['PATH'], NOTIFY_SOCKET: this.#socket };
    return new Promise((resolve) => {
      execFile('systemd-notify', assignments, { env, timeout: patienceMs }, (error, _stdout, stderr) => {
        if (error !== null) this.#complain(error, stderr.trim());
        resolve();
      });
    });
  }

  #complain(error: Error, said: string): void {
    if (this.#saidProblem) return;
    this.#saidProblem = true;
    const missing = systemErrorCode(error) === 'ENOENT';
    const cause = missing ? 'there is no systemd-notify' : said || describeCause(error);
    const hint = missing
      ? 'install the package systemd, or take Type=notify and WatchdogSec= out of the unit'
      : 'see NotifyAccess= in the unit, which must be "all"';
    this.#options.logger.warn({ hint }, `systemd cannot be told how the service stands: ${cause}`);
  }
}
