/** Runs one command and reports how it failed. */
import { runProgram } from './program.js';
import { reportFailure } from './report.js';
import { createUi } from './ui.js';

/** Resolves to the exit status; rejects never. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const ui = createUi(process, process.env);
  try {
    return await runProgram(argv, ui);
  } catch (error) {
    return reportFailure(ui, error, Boolean(process.env['MAILBEARER_DEBUG']));
  }
}
