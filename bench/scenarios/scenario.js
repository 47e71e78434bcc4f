// @ts-check
/**
 * What a scenario is, and the most usual one: the same load through each contender.
 */
import { whyAbsent } from '../contenders.js';

/** @typedef {import('../bench.js').Bench} Bench */
/** @typedef {import('../contenders.js').ContenderName} ContenderName */
/** @typedef {import('../demands.js').Demand} Demand */
/** @typedef {import('../native.js').LoadOptions} LoadOptions */

/** What one run gave, by name. @typedef {Readonly<Record<string, number | undefined>>} Sample */

/**
 * @typedef {object} Run
 * @property {string} name
 * @property {() => string | undefined} [whyAbsent] Why it can't be run here.
 * @property {(bench: Bench) => Promise<Sample>} measure
 */

/**
 * @typedef {object} Figure
 * @property {string} title
 * @property {string} unit
 * @property {string} of The name within the sample.
 * @property {Demand[]} [demands] Of mailbearer's value.
 */

/**
 * @typedef {object} Scenario
 * @property {string} id For --only.
 * @property {Run[]} runs All are run in each round; the one named mailbearer is what the figures are about.
 * @property {Figure[]} figures
 * @property {number} [passes] How often all contenders take turns in a round, 1 unless said.
 * @property {boolean} [once] What is counted is the same in each round: one will do.
 */

export const everyone = /** @type {const} */ (['direct', 'pipe', 'haproxy', 'mailbearer']);
export const relays = /** @type {const} */ (['pipe', 'haproxy', 'mailbearer']);
export const MiB = 2 ** 20;
/** Of runs of a fraction of a second: a neighbour who takes half of the core for a second or two then meets all alike. */
export const passes = 5;

/**
 * Through contenders that have run for a while.
 *
 * @param {readonly ContenderName[]} names
 * @param {(bench: Bench) => LoadOptions} load
 * @returns {Run[]}
 */
export function through(names, load) {
  return names.map((name) => ({
    name,
    whyAbsent: () => whyAbsent(name),
    measure: async (bench) => bench.send(await bench.standing(name), load(bench)),
  }));
}

/**
 * Through contenders that were started for it, whose peak of memory is therefore its own.
 *
 * @param {readonly ContenderName[]} names
 * @param {(bench: Bench) => LoadOptions} load
 * @returns {Run[]}
 */
export function throughFresh(names, load) {
  return names.map((name) => ({
    name,
    whyAbsent: () => whyAbsent(name),
    measure: (bench) => bench.afresh(name, (contender) => bench.send(contender, load(bench))),
  }));
}

/** Twenty messages at once, of so many MiB each. @param {number} size @returns {(bench: Bench) => LoadOptions} */
export function twentyOf(size) {
  return (bench) => ({ sessions: 20, messages: 20, size: bench.count(size) * MiB });
}

/** @param {string} what @returns {Figure} */
export function cpu(what) {
  return { title: `relay CPU per message, ${what}`, unit: 'ms', of: 'cpuMsPerMessage' };
}
