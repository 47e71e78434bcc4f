// @ts-check
/** The command lines of the proofs. Not TypeScript: a wrong one is told before anything is compiled. */
import { parseArgs } from 'node:util';

/**
 * Flag to default; all values are whole numbers.
 * @typedef {Readonly<Record<string, number>>} Flags
 */

export const defaults = {
  storm: { messages: 2000, seed: 1, seconds: 600 },
  fuzz: { count: 1_000_000, seed: 1, seconds: 600 },
  refresh: { kills: 1000, seed: 1, seconds: 1200 },
  guess: { guesses: 10_000, seed: 1, seconds: 600 },
  fleet: { accounts: 1000, life: 30, seed: 1, seconds: 300 },
  soak: { minutes: 10, seed: 1 },
};

/** One line for each proof. */
export const usage = Object.entries(defaults)
  .map(([name, flags]) => [`npm run proof:${name} --`, ...Object.keys(flags).map((flag) => `[--${flag} N]`)])
  .map((words) => `${words.join(' ')}\n`)
  .join('');

/**
 * Throws TypeError with what is wrong, in one line.
 * @template {Flags} F
 * @param {string[]} args
 * @param {F} flags
 * @returns {F}
 */
export function readOptions(args, flags) {
  const { values } = parseArgs({
    args,
    options: Object.fromEntries(
      Object.keys(flags).map((name) => [name, { type: /** @type {const} */ ('string') }]),
    ),
  });
  const read = Object.entries(values).map(([name, text = '']) => {
    if (!/^\d+$/.test(text)) throw new TypeError(`--${name} takes a whole number, not "${text}"`);
    return /** @type {const} */ ([name, Number(text)]);
  });
  return { ...flags, ...Object.fromEntries(read) };
}
