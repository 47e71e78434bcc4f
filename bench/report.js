// @ts-check
/** The result as text: a row for each figure, with what is demanded of it and what it reaches. */
import { showNumber } from './demands.js';

/** @typedef {import('./measure.js').Result} Result */
/** @typedef {import('./measure.js').Row} Row */

export const headings = ['figure', 'mailbearer', 'others', 'demanded', 'reached', ''];

/** The cells of a row; a second demand has a row of its own. @param {Row} row @returns {string[][]} */
export function cells({ title, unit, values, verdicts, absent }) {
  const { mailbearer, ...others } = values;
  const own =
    mailbearer === undefined ? (absent['mailbearer'] ?? 'not measured') : withUnit(mailbearer, unit);
  const compared = Object.entries(others).map(([name, value]) => `${name} ${showNumber(value)}`);
  const [first, ...more] = verdicts.map(({ demand, reached, met }) => [
    demand.trimEnd(),
    (reached ?? 'not measured').trimEnd(),
    met === undefined ? '' : met ? 'met' : 'NOT MET',
  ]);
  return [
    [title, own, compared.join(', '), ...(first ?? ['', '', ''])],
    ...more.map((verdict) => ['', '', '', ...verdict]),
  ];
}

/** @param {Result} result */
export function textReport({ machine, rounds, quick, rows, profile }) {
  const table = align([headings, ...rows.flatMap(cells)]);
  const notes = [
    describe(machine),
    ...busyBefore(machine),
    `${rounds === 1 ? 'One round' : `Medians of ${rounds} interleaved rounds`}${quick ? ' of a quick run: a tenth of all sizes and counts, which shows that it works and not how fast' : ''}.`,
    ...absentRuns(rows),
  ];
  const lines = profile.map(({ function: name, place, share }) => [percent(share), name, place]);
  const profiled =
    lines.length > 0
      ? ['', 'Where the relay spends its time (1 KiB, 10 kept sessions):', ...align(lines)]
      : [];
  return `${[...notes, '', ...table, ...profiled].join('\n')}\n`;
}

/** @param {import('./machine.js').Machine} machine */
export function describe({ cpu, cores, memoryGiB, kernel, node, haproxy, postfix, pinned }) {
  const programs = [
    `Node ${node}`,
    haproxy === undefined ? 'no haproxy' : `haproxy ${haproxy}`,
    postfix === undefined ? 'no Postfix' : `Postfix ${postfix}`,
  ];
  const place = pinned
    ? 'Relay on one core; generator, sink and Postfix on the other.'
    : 'Nothing was pinned to a core: the ratios say little.';
  return `${cores} cores of ${cpu}, ${memoryGiB} GiB, Linux ${kernel}; ${programs.join(', ')}. ${place}`;
}

/** Figures of a machine that had other work are worth a warning. @param {import('./machine.js').Machine} machine */
export function busyBefore({ loadBefore }) {
  const load = loadBefore.toFixed(1);
  return loadBefore > 0.5
    ? [`The machine was busy before the start (load ${load}): the figures say little.`]
    : [];
}

/** What could not take part, and why. @param {readonly Row[]} rows */
export function absentRuns(rows) {
  const reasons = rows.flatMap(({ absent }) =>
    Object.entries(absent).map(([name, why]) => `Without ${name}: ${why}.`),
  );
  return [...new Set(reasons)];
}

/** @param {number} share */
export function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

/** @param {number} value @param {string} unit */
function withUnit(value, unit) {
  return `${showNumber(value)} ${unit}`.trimEnd();
}

/** @param {string[][]} rows */
function align(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
