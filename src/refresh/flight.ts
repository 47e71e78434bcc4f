/**
 * One piece of work that several callers wait for, each as long as suits it: until the outcome is known, until
 * patience ends, or to the very end. The work must not reject.
 */
import { type Clock, sleep } from '../core/clock.js';

export interface Flight {
  /** The outcome is known, even if something is left to do. */
  readonly settled: Promise<void>;
  /** Settled, or `patienceMs` have passed since the start, whichever is first. */
  readonly patience: Promise<void>;
  readonly finished: Promise<void>;
}

/** `work` may call `settle` before it ends; `afterwards` runs before any caller goes on. */
export function takeOff(
  clock: Clock,
  patienceMs: number,
  work: (settle: () => void) => Promise<void>,
  afterwards: () => void,
): Flight {
  let settle = () => {};
  const settled = new Promise<void>((resolve) => (settle = resolve));
  const outOfPatience = new AbortController();
  void settled.then(() => outOfPatience.abort());
  const patience = sleep(clock, patienceMs, outOfPatience.signal).catch(() => undefined);
  const finish = async () => {
    await work(settle);
    afterwards();
    settle();
  };
  return { settled, patience, finished: finish() };
}
