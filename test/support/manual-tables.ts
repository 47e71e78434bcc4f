/** Tables that are written into a page of the documentation, each at its place; the prose around them stays as it is. */
import { format, resolveConfig } from 'prettier';

export type Row = readonly string[];

const block = /(<!-- table: (\w+) -->\n).*?(<!-- \/table -->)/gs;

/** `page`, read from `path`, with its tables as they should be. Throws unless each table has one place. */
export async function withTables(
  page: string,
  path: string,
  tables: ReadonlyMap<string, string>,
): Promise<string> {
  const left = new Map(tables);
  const filled = page.replaceAll(block, (_whole, start: string, name: string, end: string) => {
    const made = left.get(name);
    if (made === undefined) throw new Error(`there is no table "${name}", or its place comes twice`);
    left.delete(name);
    return `${start}\n${made}\n\n${end}`;
  });
  if (left.size > 0) throw new Error(`no place for the tables ${[...left.keys()].join(', ')}`);
  return format(filled, { ...(await resolveConfig(path)), parser: 'markdown' });
}

export function table(head: Row, rows: readonly Row[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  return [head, head.map(() => '---'), ...escaped].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
