/** What a proof has to say in the end: figures for whoever reads, and faults, of which there must be none. */

export interface Report {
  /** In the order in which they are to be printed. */
  readonly figures: readonly (readonly [name: string, value: number | string])[];
  /** Each says what was found, and the input that shows it. */
  readonly faults: readonly string[];
}

export type Progress = (line: string) => void;

/** One fault often comes with a thousand others like it. */
const mostShown = 20;

/** The figures as a table, then the faults. */
export function formatReport({ figures, faults }: Report): string {
  const width = Math.max(...figures.map(([name]) => name.length));
  const rows = figures.map(([name, value]) => `${name.padEnd(width)}  ${shown(value)}`);
  const shownFaults = faults.slice(0, mostShown).map((fault) => `FAULT: ${fault}`);
  if (faults.length > mostShown) shownFaults.push(`and ${faults.length - mostShown} faults more`);
  return [...rows, ...shownFaults, ''].join('\n');
}

function shown(value: number | string): string {
  return typeof value === 'number' ? value.toLocaleString('en-US', { maximumFractionDigits: 1 }) : value;
}
