/**
 * The shape of a logger: what every folder below the daemon knows of logging. The daemon writes lines; a test
 * gives an array. Fields never hold a secret: wrap those in `Secret`.
 */

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  trace(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** One whose every entry begins with `fields`, which are made text once. */
  with(fields: LogFields): Logger;
}

const ignore = () => undefined;

/** For one-shot commands, which talk to the terminal instead. */
export const silentLogger: Logger = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  with: () => silentLogger,
};
