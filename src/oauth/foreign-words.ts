/**
 * What another program says on its standard error, fit for logs. It may hold secrets that are not known here, so
 * whatever looks like one is redacted: rather a word too many than a token. Pure.
 */

const redacted = '[redacted]';

/** What stands behind such a name is a secret, whatever it looks like. */
const named =
  /((?:token|secret|password|passwd|passphrase|assertion|verifier|api_?key|\bcode(?==))["']?\s*(?:=>|[=:])\s*["']?|\b(?:bearer|basic)\s+)(?:bearer\s+)?[^\s"']+/gi;
/** A run of what tokens are made of, base64 and JWT included. */
const runs = /[\w~+/=%&.-]{16,}/g;
const shortestSecret = 16;
/** Chance makes them short, and people do not: the words and numbers in `application_default_credentials`. */
const words = /[A-Z]?[a-z]+|[A-Z]+|\d+/g;
const shortestWordOnAverage = 4;
const longestWord = 24;

/** The text with `[redacted]` for each word that may be a secret. */
export function withoutSuspects(text: string): string {
  return text.replace(named, `$1${redacted}`).replace(runs, (run) => (isSuspect(run) ? redacted : run));
}

/** Of a path or an address each part by itself. */
function isSuspect(run: string): boolean {
  return run.split(/[/.&=]/).some((part) => part.length >= shortestSecret && !isWords(part));
}

function isWords(part: string): boolean {
  const found: readonly string[] = part.match(words) ?? [];
  const total = found.reduce((sum, { length }) => sum + length, 0);
  return total >= found.length * shortestWordOnAverage && found.every(({ length }) => length <= longestWord);
}
