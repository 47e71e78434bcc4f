/**
 * The log as entries of systemd's journal, each with its fields: `journalctl MAILBEARER_SESSION=7f3a21`. An entry is a
 * datagram to journald (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). Node has no such sockets, but it can write to
 * one that is connected already: `OpenFile=/run/systemd/journal/socket:journal` in the unit has systemd open it. Where
 * there is none, what goes to stderr at least says how grave it is.
 */
import { fstatSync, write, writeSync } from 'node:fs';
import type { Clock } from '../core/clock.js';
import { systemErrorCode } from '../core/errors.js';
import type { LogFields, LogLevel } from '../core/logger.js';

const identifier = 'mailbearer';
/** What waits for a journal that does not read; more goes the other way. */
const mostCharacters = 1_048_576;
const retryMs = 100;

/** Of syslog(3). */
const priorities: Readonly<Record<LogLevel, number>> = {
  trace: 7,
  debug: 7,
  info: 6,
  warn: 4,
  error: 3,
  silent: 7,
};

/** What a line on stderr begins with, so that journald takes its priority from it (sd-daemon(3)). */
export function priorityPrefix(level: LogLevel): string {
  return `<${priorities[level]}>`;
}

/** Whether what is written to a descriptor goes to the journal (systemd.exec(5), JOURNAL_STREAM). */
export function isJournalStream(descriptor: number, stream: string | undefined): boolean {
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return stream === `${dev}:${ino}`;
}

/** An entry: the line as it would stand on stderr, and its fields as well, in capitals (`MAILBEARER_ACCOUNT`). */
export function journalEntry(line: string, level: LogLevel, ...all: readonly LogFields[]): string {
  let text = `MESSAGE=${line.trimEnd()}\nPRIORITY=${priorities[level]}\nSYSLOG_IDENTIFIER=${identifier}\n`;
  for (const fields of all)
    for (const [name, value] of Object.entries(fields))
      if (value !== undefined) text += `${journalName(name)}=${plainText(value)}\n`;
  return text;
}

const names = new Map<string, string>();

/** Only capitals, digits and underscores are allowed. */
function journalName(name: string): string {
  let known = names.get(name);
  if (known === undefined) {
    known = `MAILBEARER_${name
      .replace(/([a-z])(?=[A-Z])/g, '$1_')
      .replace(/\W/g, '_')
      .toUpperCase()}`;
    names.set(name, known);
  }
  return known;
}

/** A newline would begin another field. */
function plainText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.replaceAll('\n', ' ');
}

interface Waiting {
  readonly line: string;
  readonly entry: string;
}

export interface JournalOptions {
  /** Of a datagram socket that is connected to journald. */
  readonly descriptor: number;
  readonly clock: Clock;
  /** Takes the lines that the journal does not. */
  readonly otherwise: (line: string) => void;
}

/** In order, one at a time, in the background: a journal that does not read holds up nobody. */
export class JournalDestination {
  readonly #options: JournalOptions;
  #waiting: Waiting[] = [];
  #characters = 0;
  #isWriting = false;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** @param line what `entry` has as its MESSAGE, with its newline */
  write(line: string, entry: string): void {
    if (this.#characters + entry.length > mostCharacters) return this.#options.otherwise(line);
    this.#characters += entry.length;
    this.#waiting.push({ line, entry });
    if (!this.#isWriting) this.#next();
  }

  /** Writes what is left, for the end of the process. */
  flushSync(): void {
    for (const { line, entry } of this.#waiting.splice(0)) {
      try {
        writeSync(this.#options.descriptor, entry);
      } catch {
        this.#options.otherwise(line);
      }
    }
    this.#characters = 0;
  }

  #next(): void {
    const first = this.#waiting.shift();
    this.#isWriting = first !== undefined;
    if (first === undefined) return;
    this.#characters -= first.entry.length;
    this.#send(first, Buffer.from(first.entry));
  }

  #send(first: Waiting, octets: Buffer): void {
    const { clock, descriptor, otherwise } = this.#options;
    write(descriptor, octets, (error) => {
      if (systemErrorCode(error) === 'EAGAIN')
        return void clock.setTimer(retryMs, () => this.#send(first, octets), { unref: true });
      // One that is too large for a datagram, or no journal any more.
      if (error !== null) otherwise(first.line);
      this.#next();
    });
  }
}
