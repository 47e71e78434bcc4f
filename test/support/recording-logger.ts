/** Loggers that keep what they are told, for tests to look at. */
import type { LogFields, Logger, LogLevel } from '../../src/core/logger.js';

export interface LogLine {
  readonly level: LogLevel;
  readonly fields: LogFields;
  readonly message: string;
}

export function recordingLogger(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  return { lines, ...loggerInto(lines) };
}

/** Every entry begins with `head`. */
export function loggerInto(lines: LogLine[], head: LogFields = {}): Logger {
  const at = (level: LogLevel) => (fields: LogFields, message: string) =>
    void lines.push({ level, fields: { ...head, ...fields }, message });
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => loggerInto(lines, { ...head, ...fields }),
  };
}
