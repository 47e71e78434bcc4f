/** The lines of Postfix's own files, main.cf, master.cf and tables alike (postconf(5)). */

/** A line that starts with white space continues the one before; blank lines and `#` lines count for nothing. */
export function logicalLines(text: string): string[] {
  const lines: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(#|$)/.test(line)) continue;
    if (/^\s/.test(line) && lines.length > 0) lines.push(`${lines.pop()} ${line.trim()}`);
    else lines.push(line.trim());
  }
  return lines;
}
