/**
 * Work that waits until the events at hand are done with: what several commands or replies give rise to, such as a
 * write, then happens once, and writes of several connections follow each other closely, which wakes whoever reads
 * them less often.
 */

/** Beyond so many, what they are about would have left the processor's cache before their turn. */
const mostWaiting = 32;

let waiting: (() => void)[] = [];
const settled = Promise.resolve();

/** Calls `task` when the code that runs now has returned, before any timer; in the order of the calls. */
export function atTurnEnd(task: () => void): void {
  const count = waiting.push(task);
  if (count === 1) setImmediate(drain);
  // Not at once: this call may come from the midst of something.
  else if (count === mostWaiting) void settled.then(drain);
}

function drain(): void {
  const tasks = waiting;
  waiting = [];
  for (const task of tasks) task();
}
