/**
 * The fuzzer: a great many inputs to the machines, random sessions with the relay over real sockets, sign-ins among
 * them, and every false end of data that is known. What is found comes with the input that shows it.
 */
import { Random } from '../random.js';
import type { Progress, Report } from '../report.js';
import { fuzzSignIns } from './auth-listener.js';
import { tryFalseEnds } from './false-ends.js';
import { fuzzListener } from './listener.js';
import { fuzzMachines } from './machines.js';

export interface FuzzOptions {
  /**
   * Inputs to the machines; there is one session for 250 of them, one with sign-ins for 500, and all false ends for
   * 100,000.
   */
  readonly count: number;
  readonly seed: number;
  /** What is not done by then is left out, and the figures say so. */
  readonly seconds: number;
  readonly progress: Progress;
}

const inputsForSession = 250;
const inputsForSignIns = 500;
const inputsForAllFalseEnds = 100_000;
/** Most upstreams are honest, because only those show whether the relay is. */
const lyingShare = 0.25;

export async function fuzz(options: FuzzOptions): Promise<Report> {
  const { count, progress } = options;
  const startedAt = performance.now();
  const secondsPassed = () => (performance.now() - startedAt) / 1000;
  const random = new Random(options.seed);
  const deadlineAt = startedAt + options.seconds * 1000;

  const falseEnds = await tryFalseEnds(Math.min(1, count / inputsForAllFalseEnds), random.fork());
  progress(`${falseEnds.messages} messages with false ends, ${falseEnds.faults.length} faults`);

  const sessions = Math.ceil(count / inputsForSession);
  const lies = Math.ceil(sessions * lyingShare);
  const unruly = await fuzzListener({
    sessions: sessions - lies,
    honesty: 'unruly',
    random: random.fork(),
    deadlineAt,
  });
  progress(`${unruly.sessions} sessions with an unruly upstream, ${unruly.faults.length} faults`);
  const lying = await fuzzListener({ sessions: lies, honesty: 'lying', random: random.fork(), deadlineAt });
  progress(`${lying.sessions} sessions with a lying upstream, ${lying.faults.length} faults`);

  const signIns = await fuzzSignIns({
    sessions: Math.ceil(count / inputsForSignIns),
    random: random.fork(),
    deadlineAt,
  });
  progress(`${signIns.sessions} sessions with sign-ins, ${signIns.faults.length} faults`);

  const secondsBefore = secondsPassed();
  const machines = await fuzzMachines({ count, random: random.fork(), deadlineAt, progress });
  const all = [falseEnds, unruly, lying, signIns, machines];
  const faults = all.flatMap((part) => part.faults);
  return {
    figures: [
      ['inputs to the machines', machines.inputs],
      ['octets in them', machines.octets],
      ['inputs/s', machines.inputs / (secondsPassed() - secondsBefore)],
      ['sessions with the relay', unruly.sessions + lying.sessions],
      ['messages in them', unruly.messages + lying.messages],
      ['acknowledged', unruly.acknowledged + lying.acknowledged],
      ['sessions with sign-ins', signIns.sessions],
      ['let in', signIns.letIn],
      ['messages with false ends', falseEnds.messages],
      ['faults', faults.length],
      ['seconds', secondsPassed()],
    ],
    faults,
  };
}
