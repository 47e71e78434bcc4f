/**
 * Where the command line starts: arguments in, exit status out. It runs one command and reports its failure; it
 * never calls process.exit, so that output is written and files are closed before the end.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../core/clock.js';
import { quickToken } from './quick-token.js';

/** What a pipe takes whole or not at all (POSIX, PIPE_BUF). */
const atomicOctets = 4096;

/** `argv` without the interpreter and the script. Resolves to the exit status; rejects never. */
export async function main(argv: readonly string[]): Promise<number> {
  const token = quickToken(argv, { env: process.env, now: systemClock.now() });
  if (token !== undefined && written(`${token}\n`)) return 0;
  const { runCommand } = await import('./run-command.js');
  return runCommand(argv);
}

/** False when nothing was written, and the command itself shall try, which says why. */
function written(line: string): boolean {
  if (line.length > atomicOctets) return false;
  try {
    return writeSync(1, line) > 0;
  } catch {
    return false;
  }
}
