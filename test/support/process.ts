/**
 * Real programs as children of a test: start one, read what it prints, wait for a line of it, stop it and all
 * of its own children. Nothing is ever ended by name. What a test forgot to stop dies with the test process.
 */
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const pollMs = 20;
/** Far more than anything here needs; a slow machine shall not fail a test. */
const patienceMs = 20_000;
/** A program that ignores SIGTERM for so long is killed. */
const stopGraceMs = 5_000;

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProgram {
  readonly name: string;
  readonly pid: number;
  /** Everything printed so far, standard output and standard error together. */
  readonly output: () => string;
  /** Waits until `pattern` matches the output from `offset` on; fails when the program ends first. */
  waitForOutput(pattern: RegExp, offset?: number): Promise<RegExpMatchArray>;
  readonly exited: Promise<ExitStatus>;
  signal(signal: NodeJS.Signals): void;
  /** Asks the program and its children to end (SIGTERM), then insists. */
  stop(): Promise<ExitStatus>;
}

const running = new Set<number>();
process.on('exit', () => {
  for (const pid of running) killGroup(pid, 'SIGKILL');
});
// Vitest ends its workers with SIGTERM, of which 'exit' would hear nothing.
process.once('SIGTERM', () => process.exit(143));

/** Starts `command` as the leader of a process group of its own, so that `stop` reaches its children. */
export function startProgram(
  command: string,
  args: readonly string[],
  options: { readonly name?: string; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): RunningProgram {
  const name = options.name ?? command;
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env ?? process.env,
    cwd: options.cwd,
  });
  const { pid } = child;
  let output = '';
  let ended: ExitStatus | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const exited = new Promise<ExitStatus>((resolve) => {
    const end = (status: ExitStatus): void => {
      ended = status;
      if (pid !== undefined) running.delete(pid);
      resolve(status);
    };
    // 'close', not 'exit': only then has all of the output been read.
    child.once('close', (code, signal) => end({ code, signal }));
    child.once('error', (error) => {
      output += String(error);
      end({ code: null, signal: null });
    });
  });
  if (pid === undefined) throw new Error(`${name} cannot be started: ${command}`);
  running.add(pid);

  return {
    name,
    pid,
    output: () => output,
    exited,
    waitForOutput: (pattern, offset = 0) =>
      eventually(
        `${name} to print ${pattern}`,
        () => {
          const match = output.slice(offset).match(pattern);
          if (match === null && ended !== undefined) throw new Error(`${name} ended:\n${output}`);
          return match ?? undefined;
        },
        () => output.slice(offset),
      ),
    signal: (signal) => void process.kill(pid, signal),
    async stop() {
      if (ended !== undefined) return ended;
      killGroup(pid, 'SIGTERM');
      const timer = setTimeout(() => killGroup(pid, 'SIGKILL'), stopGraceMs);
      return exited.finally(() => clearTimeout(timer));
    },
  };
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It ended in between.
  }
}

/** Runs a program to its end and gives its standard output; throws, with its standard error, unless it exits 0. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<string> {
  return (await promisify(execFile)(command, [...args], options)).stdout;
}

/**
 * Asks `probe` again and again until it gives something. What it throws ends the waiting, and so does running out
 * of patience, with `evidence` in the message.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  evidence: () => string | Promise<string> = () => '',
): Promise<T> {
  const limit = performance.now() + patienceMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > limit) {
      throw new Error(`waited ${patienceMs} ms in vain for ${what}\n${await evidence()}`);
    }
    await sleep(pollMs);
  }
}

/**
 * Below the ports that the kernel gives to whoever asks for none in particular, so that none is taken between its choice
 * and its use; each process begins elsewhere, and gives none twice soon.
 */
const firstPort = 10_000;
const endOfPorts = 30_000;
let nextPort = firstPort + (process.pid % 20) * 1_000;

/** A TCP port of 127.0.0.1 that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = nextPort;
    nextPort = port + 1 < endOfPorts ? port + 1 : firstPort;
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  if (listening) await new Promise((resolve) => server.close(resolve));
  return listening;
}

/** Whether somebody takes connections at this port of 127.0.0.1. */
export function isListenedOn(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export interface TemporaryDirectory {
  readonly path: string;
  readonly remove: () => Promise<void>;
}

/** A directory of one's own that other users may enter (0755): Postfix and Dovecot drop root's rights. */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'mailbearer-'));
  await chmod(path, 0o755);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** What a test started, to be undone in reverse, however far it came. */
export class Teardown {
  readonly #steps: (() => unknown)[] = [];

  defer(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Remembers to stop something, and gives it back. */
  add<T extends { stop(): unknown }>(started: T): T {
    this.defer(() => started.stop());
    return started;
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).toReversed()) await step();
  }
}
