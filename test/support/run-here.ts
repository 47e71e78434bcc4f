/**
 * The command line in the process of the tests, from arguments and standard input to output and exit status, with the
 * environment that `runBinary` gives it. For what a command says and does: a process of its own takes half a second
 * to start, and is there for signals, terminals, other users, and to see that a command comes to its end.
 */
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { runCommand } from '../../src/cli/run-command.js';
import type { UiStreams } from '../../src/cli/ui.js';
import { environment, type Finished, type RunOptions, type Talk, talkTo } from './run-binary.js';

/** What only a process of its own can have is refused by the type. */
export type HereOptions = Pick<RunOptions, 'env' | 'input'> & {
  readonly cwd?: never;
  readonly userId?: never;
};

/** Runs the command to its end. */
export function runHere(args: readonly string[], options: HereOptions = {}): Promise<Finished> {
  const { stdin, finished } = begin(args, options);
  stdin.end(options.input ?? '');
  return finished;
}

/** Starts the command and leaves its standard input open. */
export function startHere(args: readonly string[], options: HereOptions = {}): Talk {
  const { stdin, output, finished } = begin(args, options);
  return talkTo(stdin, output, finished, 'stderr');
}

function begin(args: readonly string[], options: HereOptions) {
  const output = { stdout: '', stderr: '' };
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  for (const [name, stream] of Object.entries({ stdout, stderr }) as ['stdout' | 'stderr', PassThrough][])
    stream.setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  const leave = enter(environment(options), args.join(' '));
  const ending = async (): Promise<Finished> => {
    const status = await runCommand(args, { stdin, stdout, stderr } as unknown as UiStreams).finally(leave);
    await Promise.all([stdout, stderr].map((stream) => finished(stream.end())));
    return { status, signal: null, ...output };
  };
  return { stdin, output, finished: ending() };
}

let inside = 0;
/** The environment and the command that are inside. */
let shared = { env: '', command: '' };
let outside: NodeJS.ProcessEnv = {};

/** Puts `env` in the place of the tests' own environment until the last command that runs in it has ended. */
function enter(env: NodeJS.ProcessEnv, command: string): () => void {
  const text = JSON.stringify(env);
  if (inside > 0 && text !== shared.env)
    throw new Error(`commands at once need the same environment, and "${shared.command}" has not ended`);
  if (inside === 0) {
    outside = { ...process.env };
    shared = { env: text, command };
    replaceEnvironment(env);
  }
  inside++;
  return () => {
    inside--;
    if (inside === 0) replaceEnvironment(outside);
  };
}

/** In place: a new object would be seen by JavaScript only. */
function replaceEnvironment(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
}
