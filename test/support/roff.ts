/** The little of the man(7) language that the manual pages need, with the text made harmless for it. */

/** Text as it is, on one line: options keep hyphens that can be copied, and nothing is taken for a request. */
export function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll(/(?<![\w-])--?[a-zA-Z][\w-]*|\w+(?:-\w+)*(?==)/g, (option) => option.replaceAll('-', '\\-'))
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('`', '\\(ga')
    .replace(/^(?=[.'])/, '\\&');
}

/** Words in lines that a terminal shows whole; where a line ends means nothing. */
export function filled(text: string): string {
  const lines = [''];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1)!;
    if (line !== '' && widthOf(`${line} ${word}`) > 78) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line, at) => (at === 0 ? line : line.replace(/^(?=[.'])/, '\\&'))).join('\n');
}

/** As long as it becomes where each character beyond ASCII is written as `\\[u2713]`. */
function widthOf(line: string): number {
  return line.replaceAll(/[^\x20-\x7e]/g, '\\[u0000]').length;
}

/** Markdown's code as bold. */
export function prose(text: string): string {
  return text
    .split('`')
    .map((part, at) => (at % 2 === 0 ? escaped(part) : bold(part)))
    .join('')
    .replace(/^(?=[.'])/, '\\&');
}

/** A literal: each hyphen and quote can be copied. */
export function literal(text: string): string {
  return escaped(text.replaceAll('-', '\0').replaceAll("'", '\x01'))
    .replaceAll('\0', '\\-')
    .replaceAll('\x01', '\\(aq');
}

export function bold(text: string): string {
  return `\\fB${literal(text)}\\fR`;
}

export function italic(text: string): string {
  return `\\fI${literal(text)}\\fR`;
}

/** `date` is an ISO 8601 day. */
export function title(name: string, section: number, date: string, source: string, manual: string): string {
  return `.TH ${name} ${section} ${date} "${source}" "${manual}"`;
}

export function section(name: string, ...content: readonly string[]): string {
  // A heading begins a paragraph by itself.
  const text = content.join('\n').replace(/^\.PP\n/, '');
  return `.SH "${name.toUpperCase()}"\n${text}`;
}

export function subsection(name: string, ...content: readonly string[]): string {
  return [`.SS ${name}`, ...content].join('\n');
}

export function paragraph(text: string): string {
  return `.PP\n${filled(text)}`;
}

export function item(term: string, meaning: string): string {
  return `.TP\n${term}\n${filled(meaning)}`;
}

/** Lines as they are. */
export function example(lines: readonly string[]): string {
  return ['.PP', '.RS 4', '.nf', ...lines.map((line) => literal(line) || '\\&'), '.fi', '.RE'].join('\n');
}
