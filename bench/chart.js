// @ts-check
/**
 * The chart: how much of the pipe's throughput each relay reaches, as an SVG of bars that follows the reader's light
 * or dark scheme. Draws what the result says and nothing that has to be kept in step by hand.
 */

import { median } from './demands.js';

/** @typedef {import('./measure.js').Row} Row */

const series = /** @type {const} */ (['haproxy', 'pipe', 'mailbearer']);
const width = 760;
const labelWidth = 300;
const barHeight = 14;
const groupGap = 18;
const top = 64;

/** Rows of throughput in which mailbearer stands beside the pipe. @param {readonly Row[]} rows */
function comparable(rows) {
  return rows.filter(
    ({ unit, values }) =>
      unit.endsWith('/s') && values['pipe'] !== undefined && values['mailbearer'] !== undefined,
  );
}

/** @param {readonly Row[]} rows @returns {string} */
export function drawChart(rows) {
  const groups = comparable(rows).map(({ title, rounds }) => ({
    label: title,
    bars: series.flatMap((name) => {
      const ratio = ratioToPipe(rounds, name);
      return ratio === undefined ? [] : [{ name, ratio }];
    }),
  }));
  const longest = Math.max(1, ...groups.flatMap(({ bars }) => bars.map(({ ratio }) => ratio)));
  const scale = (width - labelWidth - 60) / longest;
  let y = top;
  const drawn = groups.map(({ label, bars }) => {
    const middle = y + (bars.length * barHeight) / 2 + 4;
    const lines = bars.map((bar, index) => drawBar(bar, y + index * barHeight, scale));
    y += bars.length * barHeight + groupGap;
    return `<text x="${labelWidth - 10}" y="${middle}" text-anchor="end">${escape(label)}</text>${lines.join('')}`;
  });
  const one = (labelWidth + scale).toFixed(1);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" role="img" aria-label="Throughput relative to a Node TCP pipe">
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 14px; font-weight: 600 }
.haproxy { fill: #b8c0cc } .pipe { fill: #7d8898 } .mailbearer { fill: #1f6feb }
.one { stroke: #24292f; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .one { stroke: #e6edf3 } }
</style>
<text class="title" x="10" y="20">Throughput, a Node TCP pipe that understands nothing = 1</text>
${series.map(drawLegend).join('\n')}
${drawn.join('\n')}
<line class="one" x1="${one}" y1="${top - 6}" x2="${one}" y2="${y - groupGap + 6}"/>
</svg>
`;
}

/** The median of the ratios within each round. @param {Row['rounds']} rounds @param {string} name */
function ratioToPipe(rounds, name) {
  const own = rounds[name];
  const pipe = rounds['pipe'];
  if (own === undefined || pipe === undefined) return undefined;
  return median(own.map((value, index) => value / (pipe[index] ?? NaN)));
}

/** @param {{ name: string, ratio: number }} bar @param {number} y @param {number} scale */
function drawBar({ name, ratio }, y, scale) {
  const length = (ratio * scale).toFixed(1);
  const end = labelWidth + ratio * scale + 6;
  return (
    `<rect class="${name}" x="${labelWidth}" y="${y}" width="${length}" height="${barHeight - 2}"/>` +
    `<text x="${end.toFixed(1)}" y="${y + barHeight - 4}">${ratio.toFixed(2)}</text>`
  );
}

/** @param {string} name @param {number} index */
function drawLegend(name, index) {
  const x = labelWidth + index * 110;
  return `<rect class="${name}" x="${x}" y="36" width="12" height="12"/><text x="${x + 18}" y="46">${name}</text>`;
}

/** @param {string} text */
function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
