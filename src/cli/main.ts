/**
 * Where the command line starts: arguments in, exit status out. It runs one command and reports its failure; it
 * never calls process.exit, so that output is written and files are closed before the end.
 */
import { runProgram } from './program.js';
import { reportFailure } from './report.js';
import { createUi } from './ui.js';

/** `argv` without the interpreter and the script. Resolves to the exit status; rejects never. */
export async function main(argv: readonly string[]): Promise<number> {
  const ui = createUi(process, process.env);
  try {
    return await runProgram(argv, ui);
  } catch (error) {
    return reportFailure(ui, error, Boolean(process.env['MAILBEARER_DEBUG']));
  }
}
