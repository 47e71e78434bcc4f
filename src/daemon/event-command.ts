/**
 * `on_event`: runs the administrator's command for each event, which it gets as a line of JSON on standard input. A
 * few run at once, one at a time for an account, in order. What they do, or fail to do, is logged and disturbs nothing;
 * one that takes too long is ended with all that it started, and so are all when the daemon stops.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { AccountEvent } from '../refresh/event.js';

export interface EventCommandOptions {
  /** A line for the shell, or program and arguments. */
  readonly command: string | readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

const timeoutMs = 30_000;
/** How long those that run have when the daemon stops. */
const graceMs = 2_000;
const atOnce = 4;
/** Of events that wait; more are dropped, for nobody would read them. */
const longestQueue = 1_000;
const mostOctets = 4_096;

export class EventCommand {
  readonly #options: EventCommandOptions;
  #waiting: AccountEvent[] = [];
  /** By account. */
  readonly #running = new Map<string, { readonly done: Promise<void>; readonly kill: () => void }>();
  #saidFull = false;
  #closed = false;

  constructor(options: EventCommandOptions) {
    this.#options = options;
  }

  run(event: AccountEvent): void {
    if (this.#closed) return;
    if (this.#waiting.length >= longestQueue) {
      if (!this.#saidFull) this.#options.logger.warn({}, 'on_event is too slow: events are left out');
      this.#saidFull = true;
      return;
    }
    this.#waiting.push(event);
    this.#next();
  }

  /** What waits is dropped, what runs has a moment more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting = [];
    const running = [...this.#running.values()];
    const timer = this.#options.clock.setTimer(graceMs, () => running.forEach(({ kill }) => kill()));
    await Promise.all(running.map(({ done }) => done));
    timer.cancel();
  }

  #next(): void {
    while (this.#running.size < atOnce) {
      const at = this.#waiting.findIndex(({ account }) => !this.#running.has(account));
      if (at < 0) break;
      const [event] = this.#waiting.splice(at, 1);
      this.#start(event!);
    }
    if (this.#waiting.length === 0) this.#saidFull = false;
  }

  #start(event: AccountEvent): void {
    const { clock, command } = this.#options;
    const run = startCommand(command, `${JSON.stringify(event)}\n`, clock);
    this.#running.set(event.account, { done: this.#finish(event, run.problem), kill: run.kill });
  }

  async #finish({ account, event }: AccountEvent, ended: Promise<string | undefined>): Promise<void> {
    const problem = await ended;
    this.#running.delete(account);
    if (problem !== undefined)
      this.#options.logger.warn({ account, event, hint: 'see on_event' }, `on_event ${problem}`);
    if (!this.#closed) this.#next();
  }
}

interface Run {
  /** What went wrong, once it is over; undefined when nothing did. Never rejects. */
  readonly problem: Promise<string | undefined>;
  readonly kill: () => void;
}

function startCommand(command: string | readonly string[], input: string, clock: Clock): Run {
  const [program = '', ...args] = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
  let child: ChildProcessByStdio<Writable, null, Readable>;
  try {
    // The leader of a group of its own, so that all that it starts can be ended with it.
    child = spawn(program, args, { detached: true, stdio: ['pipe', 'ignore', 'pipe'] });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { problem: Promise.resolve(`cannot be run: ${reason}`), kill: () => undefined };
  }
  let stderr = '';
  let ending: string | undefined;
  const end = (why: string) => {
    ending ??= why;
    killGroup(child.pid);
    // Whoever left the group may hold it open.
    child.stderr.destroy();
  };
  const timer = clock.setTimer(timeoutMs, () => end(`was not done within ${timeoutMs / 1000} s`), {
    unref: true,
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < mostOctets) stderr += text;
  });
  // A command need not read what it is told.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const problem = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(`cannot be run: ${error.message}`));
    child.once('close', (status, signal) => {
      const how = status === null ? `was ended by ${signal}` : `ended with status ${status}`;
      resolve(ending ?? (status === 0 ? undefined : `${how}${firstLine(stderr)}`));
    });
  }).finally(() => timer.cancel());
  return { problem, kill: () => end('was ended, for the daemon stops') };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it is gone already.
  }
}

function firstLine(stderr: string): string {
  const [line = ''] = stderr.trim().split('\n');
  const readable = line.replace(/\p{C}+/gu, ' ').slice(0, 300);
  return readable === '' ? '' : `: ${readable}`;
}
