/**
 * Ctrl-C, SIGTERM and a lost terminal, for one-shot commands: the first such signal asks the command to stop
 * through an AbortSignal, so that it can close what it opened; the same once more ends the process as it always
 * does. `serve` has signals of its own.
 */
import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Someone asked the command to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** 128 and the signal's number, as shells report it: 130 for Ctrl-C. */
  readonly exitStatus: number;

  constructor(signal: (typeof signals)[number]) {
    super('interrupted');
    this.exitStatus = 128 + constants.signals[signal];
  }
}

/** Runs `work`; when a signal came meanwhile, whatever `work` made of it is thrown as Interrupted. */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const handlers = signals.map((name) => ({ name, stop: () => controller.abort(new Interrupted(name)) }));
  for (const { name, stop } of handlers) process.once(name, stop);
  try {
    return await work(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    for (const { name, stop } of handlers) process.off(name, stop);
  }
}
