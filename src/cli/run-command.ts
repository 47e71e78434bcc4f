/** Runs one command and reports how it failed. */
import { exitStatus } from '../core/errors.js';
import { runProgram } from './program.js';
import { reportFailure } from './report.js';
import { createUi, type Ui, type UiStreams } from './ui.js';

/** Resolves to the exit status; rejects never. */
export function runCommand(argv: readonly string[], streams: UiStreams = process): Promise<number> {
  return reporting((ui) => runProgram(argv, ui), streams);
}

/** Ends standard output with this line. */
export function printLine(line: string): Promise<number> {
  return reporting(async (ui) => {
    await ui.data(line);
    return exitStatus.ok;
  }, process);
}

async function reporting(work: (ui: Ui) => Promise<number>, streams: UiStreams): Promise<number> {
  const ui = createUi(streams, process.env);
  try {
    return await work(ui);
  } catch (error) {
    return reportFailure(ui, error, Boolean(process.env['MAILBEARER_DEBUG']));
  }
}
