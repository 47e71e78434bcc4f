/**
 * A limit for work of many steps, each of which has a time-out of its own. The work is told by a signal that its
 * time is over and ends itself, so that nothing which it has opened is left behind.
 */
import type { Clock } from '../core/clock.js';
import type { AppError } from '../core/errors.js';

export interface TimeLimit {
  readonly clock: Clock;
  readonly limitMs: number;
  /** Ends the work earlier; its reason is passed on. */
  readonly signal: AbortSignal;
  /** What the work fails with when its time is over. */
  readonly late: () => AppError;
}

/** What `work` gives or throws; the signal that it gets is aborted with what it should then throw. */
export async function withinTime<T>(
  { clock, late, limitMs, signal }: TimeLimit,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Not AbortSignal.any: what it makes of a signal that lives as long as the process is kept as long.
  const over = new AbortController();
  const end = () => over.abort(signal.reason);
  const timer = clock.setTimer(limitMs, () => over.abort(late()));
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    return await work(over.signal);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', end);
  }
}

/** For a step that cannot be stopped, and whose result serves others, too: rejects with the signal's reason. */
export function unlessAborted<T>(step: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    step.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
