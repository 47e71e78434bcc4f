/**
 * The log of the daemon: one JSON object a line for machines, a short line for people at a terminal. It goes
 * to stderr, which systemd and containers collect.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../core/clock.js';
import type { LogFields, LogLevel, Logger } from '../core/logger.js';
import { jsonLine } from './json-line.js';
import { LogDestination } from './log-destination.js';

export type LogFormat = 'auto' | 'human' | 'json';

export interface DaemonLog extends Logger {
  /** Writes out what is still in memory; call it last. */
  flush(): void;
}

const stderrDescriptor = 2;
const levels: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

/** `auto` is human on a terminal and JSON otherwise. */
export async function createLog(level: LogLevel, format: LogFormat): Promise<DaemonLog> {
  const human = format === 'human' || (format === 'auto' && process.stderr.isTTY);
  if (human) return logTo(await humanLines(), () => undefined, level);
  const destination = new LogDestination(stderrDescriptor, systemClock);
  return logTo(
    (line) => destination.write(line),
    () => destination.flushSync(),
    level,
  );
}

function logTo(write: (line: string) => void, flush: () => void, least: LogLevel): DaemonLog {
  const at = (level: LogLevel) =>
    levels.indexOf(level) < levels.indexOf(least)
      ? () => undefined
      : (fields: LogFields, message: string) => write(jsonLine(level, systemClock.now(), fields, message));
  const [trace, debug, info, warn, error] = [at('trace'), at('debug'), at('info'), at('warn'), at('error')];
  return { trace, debug, info, warn, error, flush };
}

/** Loaded for people only. */
async function humanLines(): Promise<(line: string) => void> {
  const { prettyFactory } = await import('pino-pretty');
  const colorize = process.stderr.isTTY && !process.env.NO_COLOR;
  const pretty = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss', singleLine: true });
  return (line) => {
    try {
      writeSync(stderrDescriptor, pretty(line));
    } catch {
      // The terminal is gone; nobody is left to tell.
    }
  };
}
