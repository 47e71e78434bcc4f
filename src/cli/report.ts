/**
 * How a command that failed ends: what is said and the exit status, for everything that can be thrown. Only
 * a fault of ours shows a stack, and only with MAILBEARER_DEBUG set.
 */
import { type AppError, toAppError } from '../core/errors.js';
import { Interrupted } from './interrupt.js';
import type { Ui } from './ui.js';

/** Says what went wrong and what to do about it; returns the exit status. */
export function reportFailure(ui: Ui, thrown: unknown, debug: boolean): number {
  if (thrown instanceof Interrupted) {
    // The terminal has shown `^C` on the line where the cursor was.
    if (ui.interactive) ui.say();
    ui.fail(thrown.message);
    return thrown.exitStatus;
  }
  const error = toAppError(thrown);
  if (error.code === 'internal') reportFault(ui, error, debug);
  else ui.fail(error.message, error.hint);
  return error.failure.exitStatus;
}

function reportFault(ui: Ui, error: AppError, debug: boolean): void {
  ui.fail(
    `internal error: ${error.message}`,
    debug
      ? 'please report this, with the lines below'
      : 'please report this, with what the command says when MAILBEARER_DEBUG=1 is set',
  );
  if (!debug) return;
  const origin = error.cause instanceof Error ? error.cause : error;
  ui.say(origin.stack ?? String(origin));
}
