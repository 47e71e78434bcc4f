// @ts-check
/**
 * The rounds. In each, every scenario is run with every contender, so that whatever else the machine does meets all
 * of them alike; the order of the contenders turns from pass to pass, and each round starts processes
 * of its own. Figures are medians of the passes, of which most scenarios have one in a round.
 */
import { Bench } from './bench.js';
import { judge, median } from './demands.js';
import { describeMachine, leaveFirstCore } from './machine.js';
import { profileRelay } from './profile.js';
import { allScenarios } from './scenarios/index.js';

/** @typedef {import('./scenarios/scenario.js').Sample} Sample */
/** @typedef {import('./scenarios/scenario.js').Scenario} Scenario */
/** @typedef {Record<string, Sample>} Round The samples of one pass of a scenario, by run. */

/**
 * @typedef {object} Row
 * @property {string} scenario
 * @property {string} title
 * @property {string} unit
 * @property {Record<string, number>} values Medians, by run.
 * @property {Record<string, number[]>} rounds What they are medians of.
 * @property {import('./demands.js').Verdict[]} verdicts
 * @property {Record<string, string>} absent Why a run is missing.
 */

/**
 * @typedef {object} Result
 * @property {string} at ISO 8601.
 * @property {import('./machine.js').Machine} machine
 * @property {number} rounds
 * @property {boolean} quick
 * @property {Row[]} rows
 * @property {import('./profile.js').ProfileLine[]} profile
 */

/**
 * @param {import('./options.js').Options} options
 * @param {(line: string) => void} tell
 * @returns {Promise<Result>}
 */
export async function measure({ rounds, only, quick, program }, tell) {
  leaveFirstCore();
  const machine = describeMachine();
  if (!machine.pinned) tell('taskset or a second core is missing: nothing is pinned, ratios say little');
  const bench = await Bench.open({ program, quick });
  try {
    const scenarios = allScenarios(bench);
    const unknown = only?.find((id) => id !== 'profile' && scenarios.every((scenario) => scenario.id !== id));
    if (unknown !== undefined) throw new Error(`there is no scenario ${unknown}; --only list lists them`);
    const chosen = scenarios.filter(({ id }) => only === undefined || only.includes(id));
    const results = new Map(chosen.map((scenario) => [scenario, /** @type {Round[]} */ ([])]));
    for (let number = 0; number < rounds; number++) {
      for (const [scenario, samples] of results) {
        if (scenario.once && number > 0) continue;
        tell(`round ${number + 1} of ${rounds}: ${scenario.id}`);
        const { passes = 1 } = scenario;
        for (let pass = 0; pass < passes; pass++)
          samples.push(await runPass(bench, scenario, number * passes + pass));
      }
      await bench.endRound();
    }
    const wantsProfile = only === undefined || only.includes('profile');
    if (wantsProfile) tell('profile');
    return {
      at: new Date().toISOString(),
      machine,
      rounds,
      quick,
      rows: [...results].flatMap(([scenario, samples]) => rowsOf(scenario, samples)),
      profile: wantsProfile ? await profileRelay(bench) : [],
    };
  } catch (error) {
    // What is found when it is closed is a consequence, and must not hide the cause.
    await bench.close().catch(() => undefined);
    throw error;
  } finally {
    await bench.close();
  }
}

/** @param {Bench} bench @param {Scenario} scenario @param {number} number Decides who is first. */
async function runPass(bench, { id, runs }, number) {
  /** @type {Round} */
  const round = {};
  const present = runs.filter(({ whyAbsent }) => whyAbsent?.() === undefined);
  const first = number % Math.max(1, present.length);
  for (const run of [...present.slice(first), ...present.slice(0, first)]) {
    try {
      round[run.name] = await run.measure(bench);
    } catch (cause) {
      throw new Error(`${id}, ${run.name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    }
  }
  return round;
}

/** @param {Scenario} scenario @param {readonly Round[]} samples @returns {Row[]} */
function rowsOf({ id, runs, figures }, samples) {
  const reasons = runs.map(({ name, whyAbsent }) => [name, whyAbsent?.()]);
  const absent = Object.fromEntries(reasons.filter(([, why]) => why !== undefined));
  return figures.map(({ title, unit, of, demands = [] }) => {
    const perRound = samples.map((round) =>
      Object.fromEntries(
        Object.entries(round).flatMap(([name, sample]) => {
          const value = sample[of];
          return value === undefined ? [] : [[name, value]];
        }),
      ),
    );
    const valuesOf = (/** @type {string} */ name) =>
      perRound.flatMap((values) => (values[name] === undefined ? [] : [values[name]]));
    const names = runs.map(({ name }) => name).filter((name) => valuesOf(name).length > 0);
    return {
      scenario: id,
      title,
      unit,
      values: Object.fromEntries(names.map((name) => [name, median(valuesOf(name))])),
      rounds: Object.fromEntries(names.map((name) => [name, valuesOf(name)])),
      verdicts: demands.map((demand) => judge(demand, perRound, 'mailbearer')),
      absent,
    };
  });
}
