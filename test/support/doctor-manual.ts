/** The table of docs/doctor.md: each line that doctor prints, from the checks themselves. */
import { allChecks } from '../../src/cli/doctor/checks.js';
import { table } from './manual-tables.js';

export function doctorTables(): ReadonlyMap<string, string> {
  // A check that speaks twice has one row.
  const rows = new Map(
    allChecks.map(({ looksAt, mendedBy, name }) => [name, [`\`${name}\``, looksAt, mendedBy]]),
  );
  return new Map([['checks', table(['line', 'what it looks at', 'what mends it'], [...rows.values()])]]);
}
