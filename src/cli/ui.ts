/**
 * The terminal: the only file that writes to it. Standard output is data, standard error is talk; colour only
 * for a person (a terminal, no NO_COLOR). What is shown comes in part from servers and file names, so control
 * characters are made harmless on the way out. It decides nothing and never shows a Secret.
 */
import { AppError, describeCause, systemErrorCode } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import { Input, type InputStream } from './input.js';

export interface Ui {
  /** A person can answer: standard input and standard error are terminals. */
  readonly interactive: boolean;
  /** Columns of the terminal that standard output is; undefined for anything else. */
  readonly width: number | undefined;
  /** Its lines. */
  readonly height: number | undefined;
  /** False once standard output's reader is known to have gone away. */
  readonly isRead: boolean;
  /**
   * One line to standard output. A reader that has gone away (EPIPE) is no error; anything else, such as a
   * full disk behind a redirection, throws AppError token-unwritable.
   */
  data(line: string): Promise<void>;
  /** Text to standard error, as it is; a line end is added. */
  say(text?: string): void;
  /** The same, made to stand out. */
  emphasise(text: string): void;
  /** `warning: …` on standard error. */
  warn(text: string): void;
  /** `mailbearer: …` and `hint: …` on standard error. */
  fail(message: string, hint?: string): void;
  hint(text: string): void;
  /** What is under way, on the terminal's last line until anything else is said; without text, nothing is any more. */
  progress(text?: string): void;
  /** Clears the screen where standard output is a terminal; elsewhere what follows comes after an empty line. */
  clear(): void;
  /** An answer typed on standard input, trimmed; undefined at its end. Rejects with the signal's reason. */
  ask(question: string, signal?: AbortSignal): Promise<string | undefined>;
  /** The same without echo where standard input is a terminal. */
  askSecret(question: string, signal?: AbortSignal): Promise<Secret | undefined>;
}

export interface UiStreams {
  readonly stdin: InputStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

type Style = 'bold' | 'red' | 'yellow' | 'cyan';

const codes: Readonly<Record<Style, number>> = { bold: 1, red: 31, yellow: 33, cyan: 36 };

export function createUi(streams: UiStreams, env: NodeJS.ProcessEnv): Ui {
  const { stdout, stderr } = streams;
  let opened: Input | undefined;
  // Only who asks something touches standard input: `serve` and `--help` must not care what it is.
  const input = () => (opened ??= new Input(streams.stdin));
  const movesCursor = stderr.isTTY && env['TERM'] !== 'dumb';
  const colour = movesCursor && !env['NO_COLOR'];
  const style = (name: Style, text: string) => (colour ? `\x1b[${codes[name]}m${text}\x1b[0m` : text);
  let isRead = true;
  let showsProgress = false;
  const endProgress = () => {
    if (showsProgress) stderr.write('\r\x1b[K');
    showsProgress = false;
  };
  const say = (text = '') => {
    endProgress();
    stderr.write(`${text}\n`);
  };
  const labelled = (label: string, text: string) => say(`${label} ${printable(text)}`);
  const hint = (text: string) => labelled(style('cyan', 'hint:'), text);

  // Without a listener a write error would end the process with a stack trace. Standard output's errors reach
  // the caller through `data`; where standard error is broken there is nobody left to tell.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);

  return {
    get interactive() {
      return input().isTerminal && stderr.isTTY;
    },
    get width() {
      return (stdout.isTTY && stdout.columns) || undefined;
    },
    get height() {
      return (stdout.isTTY && stdout.rows) || undefined;
    },
    get isRead() {
      return isRead;
    },
    data: (line) =>
      new Promise((resolve, reject) => {
        endProgress();
        stdout.write(`${line}\n`, (error) => {
          if (systemErrorCode(error) === 'EPIPE') isRead = false;
          if (!error || !isRead) resolve();
          else reject(unwritable(error));
        });
      }),
    say: (text = '') => say(printable(text)),
    emphasise: (text) => say(style('bold', printable(text))),
    warn: (text) => labelled(style('yellow', 'warning:'), text),
    hint,
    progress(text) {
      if (!movesCursor) return;
      endProgress();
      if (text === undefined) return;
      // A line that wraps could not be taken back.
      stderr.write(printable(text).slice(0, (stderr.columns || 80) - 1));
      showsProgress = true;
    },
    clear: () => void stdout.write(stdout.isTTY ? '\x1b[H\x1b[2J' : '\n'),
    fail(message, advice) {
      labelled(style('red', 'mailbearer:'), message);
      if (advice !== undefined) hint(advice);
    },
    async ask(question, signal) {
      endProgress();
      stderr.write(printable(question));
      return (await input().line(signal))?.trim();
    },
    async askSecret(question, signal) {
      endProgress();
      try {
        const line = await input().hiddenLine(() => stderr.write(printable(question)), signal);
        return line === undefined ? undefined : new Secret(line.trim());
      } finally {
        // The key that ended the line was not echoed either.
        if (input().isTerminal) say();
      }
    },
  };
}

/** Control characters but tab and line feed as `?`: an escape sequence could rewrite what the terminal shows. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '?');
}

function unwritable(error: Error): AppError {
  return new AppError('token-unwritable', `cannot write to standard output: ${describeCause(error)}`, {
    hint: 'free space where standard output goes, or name a file',
    cause: error,
  });
}
