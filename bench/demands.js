// @ts-check
/**
 * What is demanded of a figure, and whether it is reached. A comparison is made within each round, because both
 * sides of it then had the same machine at nearly the same time; the median of the rounds counts.
 */

/** The values of a figure in one round, by the name of the run. @typedef {Readonly<Record<string, number>>} Values */

/**
 * @typedef {object} Demand
 * @property {string} text
 * @property {string | undefined} other The run that is compared with.
 * @property {(own: number, other: number) => number} reach
 * @property {(reached: number) => boolean} isMet
 * @property {(reached: number) => string} show
 */

/** @param {number} factor @param {string} other @returns {Demand} */
export function atLeastTimes(factor, other) {
  return {
    text: `at least ${factor} × ${other}`,
    other,
    reach: (own, compared) => own / compared,
    isMet: (reached) => reached >= factor,
    show: showFactor,
  };
}

/** @param {number} factor @param {string} other @returns {Demand} */
export function atMostTimes(factor, other) {
  return {
    text: `at most ${factor} × ${other}`,
    other,
    reach: (own, compared) => own / compared,
    isMet: (reached) => reached <= factor,
    show: showFactor,
  };
}

/** @param {number} limit @param {string} unit @param {string} other @returns {Demand} */
export function atMostMore(limit, unit, other) {
  return {
    text: `under ${limit} ${unit} over ${other}`,
    other,
    reach: (own, compared) => own - compared,
    isMet: (reached) => reached < limit,
    show: (reached) => `${reached.toFixed(2)} ${unit}`,
  };
}

/** @param {number} limit @param {string} unit @returns {Demand} */
export function atMost(limit, unit) {
  return {
    text: `at most ${limit} ${unit}`,
    other: undefined,
    reach: (own) => own,
    isMet: (reached) => reached <= limit,
    show: (reached) => `${showNumber(reached)} ${unit}`,
  };
}

/**
 * @typedef {object} Verdict
 * @property {string} demand
 * @property {string | undefined} reached
 * @property {boolean | undefined} met Undefined where it could not be judged.
 */

/**
 * @param {Demand} demand
 * @param {readonly Values[]} rounds
 * @param {string} subject The run that the demand is made of.
 * @returns {Verdict}
 */
export function judge(demand, rounds, subject) {
  const { other, text, isMet, show } = demand;
  const middle = reachOf(demand, rounds, subject);
  if (middle === undefined) return { demand: text, reached: undefined, met: undefined };
  const peers = other === 'direct' ? peersOf(demand, rounds, subject) : '';
  return { demand: text, reached: `${show(middle)}${peers}`, met: isMet(middle) };
}

/**
 * The median of what a run reaches within each round.
 *
 * @param {Demand} demand
 * @param {readonly Values[]} rounds
 * @param {string} run
 * @returns {number | undefined}
 */
function reachOf({ other, reach }, rounds, run) {
  const reached = rounds.flatMap((values) => {
    const own = values[run];
    const compared = other === undefined ? 0 : values[other];
    return own === undefined || compared === undefined ? [] : [reach(own, compared)];
  });
  return reached.length === 0 ? undefined : median(reached);
}

/**
 * What the other relays reach, which tells how much of a bound in absolute units is the machine's.
 *
 * @param {Demand} demand
 * @param {readonly Values[]} rounds
 * @param {string} subject
 */
function peersOf(demand, rounds, subject) {
  const names = Object.keys(rounds[0] ?? {}).filter((name) => name !== subject && name !== demand.other);
  const shown = names.flatMap((name) => {
    const reached = reachOf(demand, rounds, name);
    return reached === undefined ? [] : [`${name} ${demand.show(reached)}`];
  });
  return shown.length === 0 ? '' : ` (${shown.join(', ')})`;
}

/** @param {readonly number[]} numbers At least one. @returns {number} */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? NaN) + upper) / 2;
}

/** Three significant digits, and no more precision than a benchmark has. @param {number} value */
export function showNumber(value) {
  if (Math.abs(value) >= 100) {
    const magnitude = 10 ** (Math.floor(Math.log10(Math.abs(value))) - 2);
    return (Math.round(value / magnitude) * magnitude).toLocaleString('en-US');
  }
  return Number(value.toPrecision(3)).toString();
}

/** @param {number} reached */
function showFactor(reached) {
  return `${reached.toFixed(2)} ×`;
}
