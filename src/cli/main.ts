/**
 * Where the command line starts: arguments in, exit status out. It runs one command and reports its failure; it
 * never calls process.exit, so that output is written and files are closed before the end.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../core/clock.js';
import { quickToken } from './quick-token.js';

/** `argv` without the interpreter and the script. Resolves to the exit status; rejects never. */
export async function main(argv: readonly string[]): Promise<number> {
  const token = await quickToken(argv, { env: process.env, now: systemClock.now() });
  if (token !== undefined) {
    const rest = unwritten(Buffer.from(`${token}\n`));
    if (rest.length === 0) return 0;
    const { printLine } = await import('./run-command.js');
    return printLine(rest.toString('utf8').trimEnd());
  }
  const { runCommand } = await import('./run-command.js');
  return runCommand(argv);
}

/** What standard output does not take at once: a slow reader's pipe is full, or it fails, which the slow way says. */
function unwritten(octets: Buffer): Buffer {
  let at = 0;
  try {
    while (at < octets.length) at += writeSync(1, octets, at);
  } catch {
    // What is left says it.
  }
  return octets.subarray(at);
}
