// @ts-check
/**
 * docs/performance.md out of a result: table, profile and chart stand between two marks in it, and everything around
 * them is written by people. docs/performance.json is the result itself.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { drawChart } from './chart.js';
import { formatJson, formatMarkdown } from './format.js';
import { absentRuns, busyBefore, cells, describe, headings, percent } from './report.js';

/** @typedef {import('./measure.js').Result} Result */

const page = new URL('../docs/performance.md', import.meta.url);
const begin = '<!-- figures -->';
const end = '<!-- /figures -->';

/** Throws when the page has lost its marks. @param {Result} result */
export async function writeDocs(result) {
  const text = await readFile(page, 'utf8');
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`${page.pathname} needs the lines ${begin} and ${end}`);
  await writeFile(page, await formatMarkdown(`${before}${begin}\n\n${figures(result)}\n\n${end}${after}`));
  await writeFile(new URL('performance.json', page), await formatJson(result));
  await writeFile(new URL('performance.svg', page), drawChart(result.rows));
}

/** @param {Result} result */
function figures({ at, machine, rounds, rows, profile }) {
  return `![Throughput of haproxy, a TCP pipe and mailbearer](performance.svg)

Measured on ${at.slice(0, 10)}; medians of ${rounds} interleaved rounds. ${[describe(machine), ...busyBefore(machine), ...absentRuns(rows)].join(' ')}

${table(headings, rows.flatMap(cells))}

### Where the time goes

Self time of the relay's process while it relays messages of 1 KiB from ten kept sessions, sampled by V8:

${table(
  ['share', 'function', 'where'],
  profile.map(({ function: name, place, share }) => [
    percent(share),
    `\`${name}\``,
    place === '' ? 'native' : `\`${place}\``,
  ]),
)}`;
}

/** @param {string[]} head @param {string[][]} rows */
function table(head, rows) {
  const line = (/** @type {string[]} */ row) => `| ${row.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
