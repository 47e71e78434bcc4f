/** A great many inputs to the machines of src/protocol, which need neither sockets nor time. */
import { setImmediate } from 'node:timers/promises';
import { Random } from '../random.js';
import type { Progress } from '../report.js';
import { checkAuth } from './auth.js';
import { checkLogin, checkReplies } from './client.js';
import { bodies, clientDialogues, serverDialogues } from './corpus.js';
import { mutate, shrink } from './mutate.js';
import { checkScanner } from './scanner.js';
import { checkServer } from './server.js';
import { randomSignIns } from './sign-ins.js';

type Check = (input: string, random: Random) => string | undefined;

const targets: readonly {
  readonly name: string;
  readonly check: Check;
  readonly input: (random: Random) => string;
}[] = [
  { name: 'the server machine', check: checkServer, input: (random) => mutate(clientDialogues, random) },
  { name: 'the reading of AUTH', check: checkAuth, input: randomSignIns },
  { name: 'the body scanner', check: checkScanner, input: (random) => mutate(bodies, random) },
  { name: 'the reply reader', check: checkReplies, input: (random) => mutate(serverDialogues, random) },
  { name: 'the client conversations', check: checkLogin, input: (random) => mutate(serverDialogues, random) },
];

/** Enough to see what is wrong. */
const mostFaults = 20;
const progressEvery = 100_000;
/** How long the event loop is not attended to. */
const batch = 1000;

export interface MachinesOptions {
  readonly count: number;
  readonly random: Random;
  /** By performance.now(); it stops there, whatever was to be done. */
  readonly deadlineAt: number;
  readonly progress: Progress;
}

export interface MachinesReport {
  readonly inputs: number;
  readonly octets: number;
  readonly faults: readonly string[];
}

export async function fuzzMachines(options: MachinesOptions): Promise<MachinesReport> {
  const { count, random, deadlineAt, progress } = options;
  const faults: string[] = [];
  let octets = 0;
  let inputs = 0;
  for (; inputs < count && faults.length < mostFaults; inputs++) {
    if (inputs % batch === 0) {
      if (performance.now() > deadlineAt) break;
      await setImmediate();
    }
    if (inputs % progressEvery === 0 && inputs > 0) progress(`${inputs} inputs, ${faults.length} faults`);
    const { name, check, input: make } = targets[inputs % targets.length]!;
    const input = make(random);
    octets += input.length;
    const seed = random.below(2 ** 32);
    const fault = check(input, new Random(seed));
    if (fault === undefined) continue;
    const shortest = shrink(input, (text) => check(text, new Random(seed)) !== undefined);
    faults.push(`${name}, given ${JSON.stringify(shortest)}: ${check(shortest, new Random(seed))}`);
  }
  return { inputs, octets, faults };
}
