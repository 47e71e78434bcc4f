/**
 * Time, as a parameter. This is the only file that reads the system clock or sets a timer, so that a test can
 * hand in a clock of its own and no test has to sleep.
 */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds from an arbitrary start, never going back; for measuring. */
  monotonic(): number;
  /** Calls `fire` once after `delayMs`. An `unref` timer does not keep the process alive. */
  setTimer(delayMs: number, fire: () => void, options?: { unref?: boolean }): Timer;
}

/** setTimeout fires at once above this; a longer wait is cut short, and whoever waited looks again. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, fire, options) {
    const timer = setTimeout(fire, Math.min(Math.max(delayMs, 0), longestTimerMs));
    if (options?.unref) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after `delayMs`; rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const abort = () => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}
