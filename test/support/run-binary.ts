/**
 * The built command line as users run it: `bin/mailbearer.js` as a child process, with an environment that
 * holds nothing of the person who runs the tests. Standard output and standard error are kept apart.
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { eventually } from './process.js';

export const binaryPath = fileURLToPath(new URL('../../bin/mailbearer.js', import.meta.url));

export interface RunOptions {
  /** Added to an otherwise bare environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** What standard input holds; it ends after that. By default it is empty. */
  readonly input?: string;
  readonly cwd?: string;
  /** Runs as this user and group, for which the test must be root. */
  readonly userId?: number;
}

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that is being talked to. */
export interface Talk {
  readonly finished: Promise<Finished>;
  /** Waits until standard error (on a terminal: what it shows) matches; fails when the command ends before. */
  says(pattern: RegExp): Promise<RegExpMatchArray>;
  /** The same for standard output. */
  prints(pattern: RegExp): Promise<RegExpMatchArray>;
  type(line: string): void;
  /** Sends these keys and no more. */
  press(keys: string): void;
  /** Ends standard input. */
  endInput(): void;
}

/** The same in a process of its own. */
export interface Conversation extends Talk {
  readonly pid: number;
  signal(signal: NodeJS.Signals): void;
  /** Reads no more of what it says, as when the reader of a pipe has ended. */
  hangUp(): void;
}

/** Runs the command to its end. */
export function runBinary(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = spawnBinary(args, options);
  child.stdin.end(options.input ?? '');
  return collect(child).finished;
}

/** Starts the command and leaves its standard input open. */
export function startBinary(args: readonly string[], options: RunOptions = {}): Conversation {
  return converse(spawnBinary(args, options), 'stderr');
}

/** Whether there is `script` of util-linux, which gives a command a terminal. */
export const hasTerminals = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes(
  'util-linux',
);

/**
 * Starts the command on a terminal of its own: `says` reads what the terminal shows, and so does `stdout` in the
 * end. What is typed is what keys send: `\r` for Enter, `\x03` for Ctrl-C.
 */
export function startOnTerminal(args: readonly string[], options: RunOptions = {}): Conversation {
  const command = [process.execPath, binaryPath, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
    env: { TERM: 'xterm', SHELL: '/bin/sh', ...environment(options) },
  });
  return converse(child, 'stdout');
}

function converse(child: ChildProcessWithoutNullStreams, talk: 'stdout' | 'stderr'): Conversation {
  const { finished, output } = collect(child);
  return {
    ...talkTo(child.stdin, output, finished, talk),
    pid: child.pid ?? 0,
    signal: (signal) => void child.kill(signal),
    hangUp: () => {
      child.stdout.destroy();
      child.stderr.destroy();
    },
  };
}

/** `output` is what it has said so far; `talk` is where `says` listens. */
export function talkTo(
  stdin: Writable,
  output: Readonly<Record<'stdout' | 'stderr', string>>,
  finished: Promise<Finished>,
  talk: 'stdout' | 'stderr',
): Talk {
  let ended: Finished | undefined;
  void finished.then((result) => (ended = result));
  const awaitMatch = (stream: 'stdout' | 'stderr', pattern: RegExp) =>
    eventually(`the command to say ${pattern}`, () => {
      const match = output[stream].match(pattern);
      if (match === null && ended !== undefined)
        throw new Error(`it ended with ${ended.status} before it said ${pattern}:\n${output[stream]}`);
      return match ?? undefined;
    });
  return {
    finished,
    says: (pattern) => awaitMatch(talk, pattern),
    prints: (pattern) => awaitMatch('stdout', pattern),
    type: (line) => void stdin.write(`${line}\n`),
    press: (keys) => void stdin.write(keys),
    endInput: () => void stdin.end(),
  };
}

function spawnBinary(args: readonly string[], options: RunOptions): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [binaryPath, ...args], {
    cwd: options.cwd,
    env: environment(options),
    ...(options.userId === undefined ? {} : { uid: options.userId, gid: options.userId }),
  });
  // A command that ends without reading its input is no failure of the test.
  child.stdin.on('error', () => undefined);
  return child;
}

/** Bare, but for what is given. */
export function environment({ env }: RunOptions): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: '/nonexistent', ...env };
}

interface Collected {
  readonly finished: Promise<Finished>;
  /** So far. */
  readonly output: { stdout: string; stderr: string };
}

/** What a test that failed left running ends with the tests. */
const running = new Set<ChildProcessWithoutNullStreams>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function collect(child: ChildProcessWithoutNullStreams): Collected {
  running.add(child);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      running.delete(child);
      resolve({ status, signal, ...output });
    });
  });
  return { finished, output };
}
