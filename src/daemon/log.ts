/**
 * The log of the daemon: one JSON object a line for machines, a short line for people at a terminal. It goes
 * to stderr, which systemd and containers collect, or to systemd's journal with its fields.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../core/clock.js';
import type { LogFields, LogLevel, Logger } from '../core/logger.js';
import { isJournalStream, journalEntry, JournalDestination, priorityPrefix } from './journal.js';
import { fieldsText, jsonLine } from './json-line.js';
import { LogDestination } from './log-destination.js';

export type LogFormat = 'auto' | 'human' | 'json';

export interface DaemonLog extends Logger {
  /** Entries below `least` are left out from now on. */
  setLevel(least: LogLevel): void;
  /** Writes out what is still in memory; call it last. */
  flush(): void;
}

const stderrDescriptor = 2;
const ranks: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warn: 3,
  error: 4,
  silent: 5,
};

/**
 * `auto` is human on a terminal and JSON otherwise.
 * @param journal descriptor of a socket that is connected to journald
 */
export async function createLog(
  level: LogLevel,
  format: LogFormat,
  journal: number | undefined,
): Promise<DaemonLog> {
  const human = format === 'human' || (format === 'auto' && process.stderr.isTTY);
  if (human) return new LineLog({ write: await humanLines(), flush: () => undefined, least: level });
  const destination = new LogDestination(stderrDescriptor, systemClock);
  if (journal !== undefined) return new LineLog({ ...inJournal(journal, destination), least: level });
  const isCollected = isJournalStream(stderrDescriptor, process.env.JOURNAL_STREAM);
  return new LineLog({
    write: isCollected
      ? (line, of) => destination.write(priorityPrefix(of) + line)
      : (line) => destination.write(line),
    flush: () => destination.flushSync(),
    least: level,
  });
}

function inJournal(descriptor: number, stderr: LogDestination): Omit<LineLogOptions, 'least'> {
  const otherwise = (line: string) => stderr.write(line);
  const journal = new JournalDestination({ descriptor, clock: systemClock, otherwise });
  return {
    write: (line, ...rest) => journal.write(line, journalEntry(line, ...rest)),
    flush: () => {
      journal.flushSync();
      stderr.flushSync();
    },
  };
}

/** @param line the whole entry; what it was made of follows: the fields of the logger, and its own */
type Write = (line: string, level: LogLevel, head: LogFields, fields: LogFields) => void;

interface LineLogOptions {
  readonly write: Write;
  readonly flush: () => void;
  /** Shared with the loggers made of this one. */
  least: LogLevel;
}

class LineLog implements DaemonLog {
  readonly #options: LineLogOptions;
  /** The fields that every entry begins with, and their text. */
  readonly #fields: LogFields;
  readonly #head: string;

  constructor(options: LineLogOptions, fields: LogFields = {}, head = '') {
    this.#options = options;
    this.#fields = fields;
    this.#head = head;
  }

  trace(fields: LogFields, message: string): void {
    this.#enter('trace', fields, message);
  }

  debug(fields: LogFields, message: string): void {
    this.#enter('debug', fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.#enter('info', fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.#enter('warn', fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#enter('error', fields, message);
  }

  with(fields: LogFields): Logger {
    return new LineLog(this.#options, { ...this.#fields, ...fields }, this.#head + fieldsText(fields));
  }

  setLevel(least: LogLevel): void {
    this.#options.least = least;
  }

  flush(): void {
    this.#options.flush();
  }

  #enter(level: LogLevel, fields: LogFields, message: string): void {
    const { least, write } = this.#options;
    if (ranks[level] < ranks[least]) return;
    const line = jsonLine(level, systemClock.now(), this.#head + fieldsText(fields), message);
    write(line, level, this.#fields, fields);
  }
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
