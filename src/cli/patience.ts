/** How long a command waits for another process that has the lock of a token. */
import type { Clock } from '../core/clock.js';

/** Another holder is done within its own time-out of 30 s. */
const lockPatienceMs = 45_000;

/** Hands `work` a signal that ends the wait for the lock, when `signal` aborts or after all of the patience. */
export async function withPatience<T>(
  clock: Clock,
  signal: AbortSignal,
  work: (patience: AbortSignal) => Promise<T>,
): Promise<T> {
  const patience = new AbortController();
  const timer = clock.setTimer(lockPatienceMs, () => patience.abort(), { unref: true });
  try {
    return await work(AbortSignal.any([signal, patience.signal]));
  } finally {
    timer.cancel();
  }
}
