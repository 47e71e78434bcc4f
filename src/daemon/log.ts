/**
 * The log of the daemon: one JSON object a line for machines, a short line for people at a terminal. It goes
 * to stderr, which systemd and containers collect.
 */
import pino from 'pino';
import pretty from 'pino-pretty';
import type { LogLevel, Logger } from '../core/logger.js';

export type LogFormat = 'auto' | 'human' | 'json';

export interface DaemonLog extends Logger {
  /** Writes out what is still in memory; call it last. */
  flush(): void;
}

const stderrDescriptor = 2;

/** `auto` is human on a terminal and JSON otherwise. */
export function createLog(level: LogLevel, format: LogFormat): DaemonLog {
  const human = format === 'human' || (format === 'auto' && process.stderr.isTTY);
  if (human) {
    const colorize = process.stderr.isTTY && !process.env.NO_COLOR;
    const stream = pretty({
      destination: stderrDescriptor,
      sync: true,
      colorize,
      translateTime: 'SYS:HH:MM:ss',
      singleLine: true,
    });
    return withFlush(pino({ level, base: undefined }, stream), () => undefined);
  }
  // Collected while a write is under way, so that a slow reader of the log never holds up mail.
  const stream = pino.destination({ dest: stderrDescriptor, sync: false });
  // Whoever read the log is gone: mail goes on, and nobody is left to tell.
  let readerGone = false;
  stream.on('error', () => {
    readerGone = true;
    stream.destroy();
  });
  const options = {
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return withFlush(pino(options, stream), () => {
    if (!readerGone) stream.flushSync();
  });
}

function withFlush(logger: pino.Logger, flush: () => void): DaemonLog {
  return Object.assign(logger, { flush });
}
