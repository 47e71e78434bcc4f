/**
 * Reply codes and enhanced status codes (RFC 5321, 4.2; RFC 3463). The class digit of an enhanced code always
 * equals the first digit of the reply code, so it is computed and never written by hand.
 */

/** `5.5.1` from 503 and `5.1`. Codes of class 3 have no enhanced code (RFC 2034, 4). */
export function enhancedCode(code: number, detail: string): string {
  return `${Math.floor(code / 100)}.${detail}`;
}

const enhancedPattern = /^[245]\.(\d{1,3}\.\d{1,3})(?= |$)/;

/** The detail (`5.1`) of the enhanced code that a reply line starts with. */
export function enhancedDetail(line: string): string | undefined {
  return enhancedPattern.exec(line)?.[1];
}

/** Changes the class digit of a leading enhanced code to that of `code`; other text stays as it is. */
export function withClassOf(code: number, line: string): string {
  return line.replace(enhancedPattern, (_, detail: string) => enhancedCode(code, detail));
}
