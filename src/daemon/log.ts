/**
 * The log of the daemon: one JSON object a line for machines, a short line for people at a terminal. It goes
 * to stderr, which systemd and containers collect.
 */
import pino from 'pino';
import { systemClock } from '../core/clock.js';
import type { LogLevel, Logger } from '../core/logger.js';
import { LogDestination } from './log-destination.js';

export type LogFormat = 'auto' | 'human' | 'json';

export interface DaemonLog extends Logger {
  /** Writes out what is still in memory; call it last. */
  flush(): void;
}

const stderrDescriptor = 2;

/** `auto` is human on a terminal and JSON otherwise. */
export async function createLog(level: LogLevel, format: LogFormat): Promise<DaemonLog> {
  const human = format === 'human' || (format === 'auto' && process.stderr.isTTY);
  if (human) {
    const colorize = process.stderr.isTTY && !process.env.NO_COLOR;
    // Loaded for people only.
    const { default: pretty } = await import('pino-pretty');
    const stream = pretty({
      destination: stderrDescriptor,
      sync: true,
      colorize,
      translateTime: 'SYS:HH:MM:ss',
      singleLine: true,
    });
    return withFlush(pino({ level, base: undefined }, stream), () => undefined);
  }
  const destination = new LogDestination(stderrDescriptor, systemClock);
  const options = {
    level,
    base: undefined,
    timestamp: () => isoTime(systemClock.now()),
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return withFlush(pino(options, destination), () => destination.flushSync());
}

let lastMs = 0;
let lastTime = '';

/** Many messages fall into one millisecond, and writing a date out is the dearest part of a line. */
function isoTime(now: number): string {
  if (now !== lastMs) {
    lastMs = now;
    lastTime = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastTime;
}

function withFlush(logger: pino.Logger, flush: () => void): DaemonLog {
  return Object.assign(logger, { flush });
}
