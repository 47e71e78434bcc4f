/**
 * `doctor`: looks at everything between a message and the provider, in order, and says of each thing how it stands
 * and what mends it. It refreshes each account's token and signs in at its server, and sends nothing. What fails
 * hides only what rests on it.
 */
import { type Account, type BrokenAccount, isBroken } from '../../accounts/account.js';
import { AppError, exitStatus, toAppError } from '../../core/errors.js';
import type { Found } from '../../refresh/census.js';
import { accountOf, type Context, openContext } from '../context.js';
import { accountCheck } from '../doctor/account.js';
import {
  failWith,
  type Machine,
  type MachineCheck,
  type Patient,
  skip,
  type Verdict,
  type WayToEndpoint,
} from '../doctor/check.js';
import { accountChecks, allChecks, machineChecks, surroundingChecks } from '../doctor/checks.js';
import { newClaimsCheck } from '../doctor/claims.js';
import { configCheck } from '../doctor/config.js';
import { databaseCheck } from '../doctor/database.js';
import { goToEndpoint } from '../doctor/way.js';
import { allAccounts, findAccount } from '../find-account.js';
import { untilInterrupted } from '../interrupt.js';
import type { Ui } from '../ui.js';

export interface DoctorOptions {
  readonly configFile?: string;
  /** Empty: all. */
  readonly accounts: readonly string[];
  readonly fix?: boolean;
  readonly json?: boolean;
}

interface Line extends Verdict {
  readonly check: string;
  /** Undefined where it is about the machine. */
  readonly account: string | undefined;
}

const signs = { pass: '✓', fail: '✗', skip: '–' } as const;

/** Resolves to 0, or to 1 when something is wrong; throws AppError account-unknown. */
export function runDoctor(options: DoctorOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    const lines: Line[] = [];
    for await (const line of examineAll(options, ui, signal)) {
      lines.push(line);
      if (options.json !== true) await print(line, ui);
    }
    if (options.json === true) await ui.data(JSON.stringify(lines.map(asJson), undefined, 2));
    return lines.some(({ outcome }) => outcome === 'fail') ? exitStatus.failed : exitStatus.ok;
  });
}

/** As they are found, so that a person sees that it goes on. */
async function* examineAll(options: DoctorOptions, ui: Ui, signal: AbortSignal): AsyncGenerator<Line> {
  const context = await openContext(options.configFile).catch((error: unknown) => {
    if (error instanceof AppError) return error;
    throw error;
  });
  if (context instanceof AppError) return yield* without(configCheck, context);
  const accounts = await chosenAccounts(options.accounts, context, ui).catch((error: unknown) => {
    if (error instanceof AppError && error.code.startsWith('store-')) return error;
    throw error;
  });
  if (accounts instanceof AppError) return yield* without(databaseCheck, accounts);
  const machine: Machine = { ...context, accounts, fix: options.fix ?? false, ui, signal };
  for (const check of machineChecks) yield* examineMachine(check, machine);
  for (const found of accounts) yield* examineAccount(found, machine);
  for (const check of surroundingChecks) yield* examineMachine(check, machine);
}

/** The configuration says where everything else is, and the database which accounts there are. */
function* without(first: MachineCheck, problem: AppError): Generator<Line> {
  yield { check: first.name, account: undefined, ...failWith(problem) };
  for (const name of new Set(allChecks.map((check) => check.name)))
    if (name !== first.name)
      yield { check: name, account: undefined, ...skip(`not looked at: ${first.name} comes first`) };
}

function chosenAccounts(words: readonly string[], context: Context, ui: Ui): Promise<readonly Found[]> {
  const making = { makesFiles: true };
  return words.length === 0
    ? allAccounts(context, ui, making)
    : Promise.all(words.map((word) => findAccount(word, context, ui, making)));
}

async function* examineMachine(check: MachineCheck, machine: Machine): AsyncGenerator<Line> {
  const verdicts = await guarded(machine, () => check.run(machine));
  for (const verdict of verdicts) yield { check: check.name, account: undefined, ...verdict };
}

async function* examineAccount(found: Found, machine: Machine): AsyncGenerator<Line> {
  const { name } = found.account;
  // What does not rest on the token file is looked at without it, too.
  const account = isBroken(found.account) ? accountOf(machine, found.path, {}) : found.account;
  const patient = isBroken(account) ? undefined : patientOf(found, account, machine);
  /** What could not be looked at, or is wrong, and the first cause of it. */
  const causes = new Map<string, string>();
  for (const check of accountChecks) {
    const needs = patient === undefined && check !== accountCheck ? [accountCheck.name] : check.needs;
    const cause = needs.map((need) => causes.get(need)).find((found) => found !== undefined);
    if (cause !== undefined) {
      causes.set(check.name, cause);
      // The second line of a check tells of news only.
      if (check !== newClaimsCheck)
        yield { check: check.name, account: name, ...skip(`not looked at: ${cause} comes first`) };
      continue;
    }
    const verdicts =
      patient === undefined
        ? [failWith((found.account as BrokenAccount).problem)]
        : await guarded(machine, () => check.run(patient));
    if (verdicts.some(({ outcome }) => outcome === 'fail')) causes.set(check.name, check.name);
    for (const verdict of verdicts) yield { check: check.name, account: name, ...verdict };
  }
}

function patientOf(found: Found, account: Account, machine: Machine): Patient {
  let way: Promise<WayToEndpoint> | undefined;
  return {
    machine,
    account,
    found,
    way: () => (way ??= goToEndpoint(account, machine.clock, machine.signal)),
  };
}

/** A check that breaks is a line of its own, and no reason to stop. */
async function guarded(
  { signal }: Machine,
  run: () => Promise<readonly Verdict[]>,
): Promise<readonly Verdict[]> {
  signal.throwIfAborted();
  try {
    return await run();
  } catch (error) {
    signal.throwIfAborted();
    return [failWith(toAppError(error))];
  }
}

async function print({ account, check, hint, message, outcome }: Line, ui: Ui): Promise<void> {
  const about = account === undefined ? check : `${account}: ${check}`;
  await ui.data(`${signs[outcome]} ${about}: ${message}`);
  if (hint !== undefined) await ui.data(`    → ${hint}`);
}

function asJson({ account, check, docs, hint, message, outcome }: Line): object {
  return { check, account: account ?? null, outcome, message, hint: hint ?? null, docs: docs ?? null };
}
