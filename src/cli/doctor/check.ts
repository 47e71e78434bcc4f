/** What doctor looks at: checks in order, each of which sees to one thing and says how it stands. */
import type { Account } from '../../accounts/account.js';
import type { AppError } from '../../core/errors.js';
import { documentationOf } from '../../core/failures.js';
import type { Found } from '../../refresh/census.js';
import type { Context } from '../context.js';
import type { Ui } from '../ui.js';

/** `pass`, `fail`, or `skip`: it does not apply here, or an earlier failure leaves nothing to look at. */
export interface Verdict {
  readonly outcome: 'pass' | 'fail' | 'skip';
  /** A sentence about what was seen. */
  readonly message: string;
  /** What mends it, as a sentence or a command. */
  readonly hint?: string | undefined;
  /** Where the documentation says more of it. */
  readonly docs?: string | undefined;
}

export interface Machine extends Context {
  readonly accounts: readonly Found[];
  /** Mend what is safe to mend. */
  readonly fix: boolean;
  readonly ui: Ui;
  readonly signal: AbortSignal;
}

/** Of the machine: once. */
export interface MachineCheck {
  readonly name: string;
  run(machine: Machine): Promise<readonly Verdict[]>;
}

/** What the checks of one account share. */
export interface Patient {
  readonly machine: Machine;
  readonly account: Account;
  readonly found: Extract<Found, { readonly store: unknown }>;
}

/** Of each account that has all its settings. */
export interface AccountCheck {
  readonly name: string;
  run(patient: Patient): Promise<Verdict>;
}

export const pass = (message: string): Verdict => ({ outcome: 'pass', message });
export const fail = (message: string, hint?: string): Verdict => ({ outcome: 'fail', message, hint });
/** What was thrown, with other advice than its own where some is known. */
export function failWith(error: AppError, advice?: string): Verdict {
  const { code, hint, message } = error;
  return { outcome: 'fail', message, hint: advice ?? hint, docs: documentationOf(code) };
}
export const skip = (message: string): Verdict => ({ outcome: 'skip', message });
