/**
 * Work that waits until the events at hand are done with: what several commands or replies give rise to, such as a
 * write, then happens once, and writes of several connections follow each other closely, which wakes whoever reads
 * them less often.
 */

let waiting: (() => void)[] = [];

/**
 * Calls `task` soon, in the order of the calls: after one more look for events that are there already, so that what
 * they give rise to goes with it. Nothing is waited for.
 */
export function atTurnEnd(task: () => void): void {
  if (waiting.push(task) === 1) setImmediate(drainNext);
}

function drainNext(): void {
  setImmediate(drain);
}

function drain(): void {
  const tasks = waiting;
  waiting = [];
  for (const task of tasks) task();
}
