/** Columns for a terminal, or for a pipe: padded with spaces, without lines or colour. */

type Rows = readonly (readonly string[])[];

/**
 * A line for each row, the first of which is the header; as many cells in each. Where a line would be wider than
 * `width`, the first cell of each row has a line of its own, above the others.
 */
export function formatTable(rows: Rows, width?: number): string[] {
  const lines = align(rows);
  if (width === undefined || lines.every((line) => line.length <= width)) return lines;
  const below = align(rows.map((row) => row.slice(1)));
  return rows.flatMap(([first = ''], at) => [first, `  ${below[at]}`]);
}

function align(rows: Rows): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
