/** What doctor looks at: checks in order, each of which sees to one thing and says how it stands. */
import type { Account } from '../../accounts/account.js';
import type { AppError } from '../../core/errors.js';
import { documentationOf } from '../../core/failures.js';
import type { Found } from '../../refresh/census.js';
import type { Context } from '../context.js';
import type { Usable } from '../find-account.js';
import type { Ui } from '../ui.js';

/** `pass`, `fail`, or `skip`: it does not apply here, or an earlier failure leaves nothing to look at. */
export interface Verdict {
  readonly outcome: 'pass' | 'fail' | 'skip';
  /** A sentence about what was seen. */
  readonly message: string;
  /** What mends it, as a sentence or a command; of what is no fault, what could be better. */
  readonly hint?: string | undefined;
  /** Where the documentation says more of it. */
  readonly docs?: string | undefined;
}

/** What a check is, for its line and for docs/doctor.md. */
export interface CheckDescription {
  readonly name: string;
  readonly looksAt: string;
  readonly mendedBy: string;
}

export interface Machine extends Context {
  readonly accounts: readonly Found[];
  /** Mend what is safe to mend. */
  readonly fix: boolean;
  readonly ui: Ui;
  readonly signal: AbortSignal;
}

/** Of the machine: once. None of them rests on another. */
export interface MachineCheck extends CheckDescription {
  run(machine: Machine): Promise<readonly Verdict[]>;
}

/** What the checks of one account share. */
export interface Patient {
  readonly machine: Machine;
  /** By the configuration alone where the token file cannot be used. */
  readonly account: Account;
  readonly found: Found;
  /** The way to the token endpoint, gone once however many lines speak of it. */
  readonly way: () => Promise<WayToEndpoint>;
}

/** The stations of the way to a token endpoint, one line each. */
export interface WayToEndpoint {
  readonly clock: Verdict;
  readonly dns: Verdict;
  readonly tls: Verdict;
  readonly proxy: Verdict;
  readonly endpoint: Verdict;
}

/** Of each account whose settings are known. */
export interface AccountCheck extends CheckDescription {
  /** Checks without which this one has nothing to look at. */
  readonly needs: readonly string[];
  run(patient: Patient): Promise<readonly Verdict[]>;
}

/** The token file as it was found. Only for checks that need `account`. */
export function usable({ found }: Patient): Usable {
  if ('store' in found) return found;
  throw found.account.problem;
}

export const pass = (message: string, hint?: string): Verdict => ({ outcome: 'pass', message, hint });
export const fail = (message: string, hint?: string): Verdict => ({ outcome: 'fail', message, hint });
/** What was thrown, with other advice than its own where some is known. */
export function failWith(error: AppError, advice?: string): Verdict {
  const { code, hint, message } = error;
  return { outcome: 'fail', message, hint: advice ?? hint, docs: documentationOf(code) };
}
export const skip = (message: string, hint?: string): Verdict => ({ outcome: 'skip', message, hint });
