/**
 * The little of Markdown that the tests of the documentation need: links, headings, code and tables, as prettier
 * writes them. No parser: what it does not understand it does not find.
 */

/** Targets of inline links and pictures outside code. */
export function linksOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
}

/** The anchors that headings have on the usual forges. */
export function anchorsOf(text: string): Set<string> {
  const headings = [...text.replaceAll(fence, '').matchAll(/^#{1,6} (.+)$/gm)].map(([, title]) => title!);
  return new Set(
    headings.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(/\s/g, '-'),
    ),
  );
}

/** Contents of the fenced blocks in this language. */
export function fencesOf(text: string, language: string): string[] {
  return [...text.matchAll(fence)].filter(([, , of]) => of === language).map(([, , , content]) => content!);
}

/** Content of the fenced block between the comments `<!-- mark -->` and `<!-- /mark -->`. */
export function markedBlock(text: string, mark: string): string {
  const between = text.split(`<!-- ${mark} -->`)[1]?.split(`<!-- /${mark} -->`)[0] ?? '';
  const [, indent = '', , content] = [...between.matchAll(fence)][0] ?? [];
  if (content === undefined)
    throw new Error(`there is no block between <!-- ${mark} --> and <!-- /${mark} -->`);
  // In a list it is indented.
  return content.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
}

/** Contents of the code spans outside fenced blocks. */
export function codeOf(text: string): string[] {
  return [...text.replaceAll(fence, '').matchAll(/`([^`]+)`/g)].map(([, content]) => content!);
}

/** The cells of each row of the table whose first column is headed `head`, without the head. */
export function tableRows(text: string, head: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => cellsOf(line)[0] === head);
  if (start < 0) throw new Error(`there is no table whose first column is "${head}"`);
  const end = lines.findIndex((line, at) => at > start && !line.startsWith('|'));
  return lines.slice(start + 2, end < 0 ? undefined : end).map(cellsOf);
}

const fence = /^( *)```(\w*)\n(.*?)^\1```$/gms;

function withoutCode(text: string): string {
  return text.replaceAll(fence, '').replaceAll(/`[^`]+`/g, '');
}

function cellsOf(line: string): string[] {
  if (!line.startsWith('|')) return [];
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}
