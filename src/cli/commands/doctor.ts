/**
 * `doctor`: looks at everything between a message and the provider, in order, and says of each thing how it stands
 * and what mends it. It refreshes each account's token and signs in at its server, and sends nothing.
 */
import { isBroken } from '../../accounts/account.js';
import { exitStatus } from '../../core/errors.js';
import type { Found } from '../../refresh/census.js';
import { openContext } from '../context.js';
import { fail, failWith, type Machine, type MachineCheck, type Verdict } from '../doctor/check.js';
import { accountChecks, machineChecks, surroundingChecks } from '../doctor/checks.js';
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

/** Resolves to 0, or to 1 when something is wrong; throws what makes looking impossible. */
export function runDoctor(options: DoctorOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    const context = await openContext(options.configFile);
    const making = { makesFiles: true };
    const accounts =
      options.accounts.length === 0
        ? await allAccounts(context, ui, making)
        : await Promise.all(options.accounts.map((word) => findAccount(word, context, ui, making)));
    const machine: Machine = { ...context, accounts, fix: options.fix ?? false, ui, signal };
    const lines: Line[] = [];
    for await (const line of examine(machine)) {
      lines.push(line);
      if (options.json !== true) await print(line, ui);
    }
    if (options.json === true) await ui.data(JSON.stringify(lines.map(asJson), undefined, 2));
    return lines.some(({ outcome }) => outcome === 'fail') ? exitStatus.failed : exitStatus.ok;
  });
}

/** As they are found, so that a person sees that it goes on. */
async function* examine(machine: Machine): AsyncGenerator<Line> {
  for (const check of machineChecks) yield* examineMachine(check, machine);
  for (const found of machine.accounts) yield* examineAccount(found, machine);
  for (const check of surroundingChecks) yield* examineMachine(check, machine);
}

async function* examineMachine(check: MachineCheck, machine: Machine): AsyncGenerator<Line> {
  for (const verdict of await check.run(machine)) yield { check: check.name, account: undefined, ...verdict };
}

async function* examineAccount(found: Found, machine: Machine): AsyncGenerator<Line> {
  const { account } = found;
  if (!('store' in found) || isBroken(account)) {
    const problem = isBroken(account) ? account.problem : undefined;
    yield {
      check: 'account',
      account: account.name,
      ...(problem === undefined ? fail('cannot be used') : failWith(problem)),
    };
    return;
  }
  for (const check of accountChecks) {
    machine.signal.throwIfAborted();
    const verdict = await check.run({ machine, account, found });
    yield { check: check.name, account: account.name, ...verdict };
    if (verdict.outcome === 'fail') return;
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
