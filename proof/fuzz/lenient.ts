/**
 * The most lenient server that can be imagined, for judging what is let out of the relay: it drops NULs, and any CR
 * or LF is a line end to it. Where it sees a dot alone on a line, a message ends for it.
 */

const dotAlone = /[\r\n]\.[\r\n]/;

/** Whether a message, or what has come of it so far, ends before its end for such a server. The end mark may be there. */
export function hasFalseEnd(data: string, isWhole: boolean): boolean {
  // Without the end mark its line is not empty, but for what may follow.
  const text = isWhole ? `${data.slice(0, -'.\r\n'.length)}!` : data;
  return dotAlone.test(`\n${text.replaceAll('\0', '')}`);
}

/** Where a message ends for a strict server (RFC 5321, 4.1.1.4): after CR LF "." CR LF; -1 when it does not. */
export function trueEnd(data: string): number {
  if (data.startsWith('.\r\n')) return 3;
  const mark = data.indexOf('\r\n.\r\n');
  return mark < 0 ? -1 : mark + 5;
}
