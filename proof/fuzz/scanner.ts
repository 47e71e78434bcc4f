/**
 * What the body scanner must hold for every input: it finds the true end and no other, however the octets are cut;
 * it changes nothing but to double dots; and nothing that it lets out, even of a message that it gives up later, is
 * an end to anybody.
 */
import { BodyScanner } from '../../src/protocol/smtp/body.js';
import type { Random } from '../random.js';
import { hasFalseEnd, trueEnd } from './lenient.js';
import { cut } from './mutate.js';

/** A dot and a CR. */
const mostHeldOctets = 2;

interface Scanned {
  readonly out: string;
  readonly rest: string | undefined;
  readonly unsafe: boolean;
}

type Scanner = Pick<BodyScanner, 'scan' | 'unsafe'>;

/** What is wrong, or undefined. @param makeScanner for tests of this test */
export function checkScanner(
  input: string,
  random: Random,
  makeScanner = (refuseBareNewlines: boolean): Scanner => new BodyScanner({ refuseBareNewlines }),
): string | undefined {
  const strict = random.chance(0.25);
  const whole = scan([input], makeScanner(strict));
  const fault = judge(input, whole, strict);
  if (fault !== undefined) return fault;
  const chunks = cut(input, random);
  const inPieces = scan(chunks, makeScanner(strict));
  const otherFault = judge(input, inPieces, strict);
  if (otherFault !== undefined) return `${otherFault}, cut as ${JSON.stringify(chunks)}`;
  // Both are right about what they let out, and hold little back: only that may differ before the end.
  const differs =
    whole.unsafe !== inPieces.unsafe ||
    (whole.rest !== undefined && !whole.unsafe && whole.out !== inPieces.out);
  return differs ? `it depends on the cuts: ${JSON.stringify(chunks)}` : undefined;
}

function scan(chunks: readonly string[], scanner: Scanner): Scanned {
  let out = '';
  for (const [index, chunk] of chunks.entries()) {
    const part = scanner.scan(Buffer.from(chunk, 'latin1'));
    for (const piece of part.pieces) out += piece.toString('latin1');
    if (part.rest === undefined) continue;
    const rest = part.rest.toString('latin1') + chunks.slice(index + 1).join('');
    return { out, rest, unsafe: scanner.unsafe };
  }
  return { out, rest: undefined, unsafe: scanner.unsafe };
}

function judge(input: string, { out, rest, unsafe }: Scanned, strict: boolean): string | undefined {
  const end = trueEnd(input);
  if (rest !== (end < 0 ? undefined : input.slice(end))) return 'the end is not where it should be';
  if (hasFalseEnd(out, end >= 0 && !unsafe)) return 'a false end of data is let out';
  const message = end < 0 ? input : input.slice(0, end);
  if (!isFaithful(message, out, end >= 0 && !unsafe)) return 'more than dots was changed';
  if (!unsafe && message.length - out.length > mostHeldOctets) return 'too much is held back';
  if (strict && !unsafe && end >= 0 && /\r(?!\n)|(?<!\r)\n/.test(message)) return 'a bare newline is let out';
  return undefined;
}

/** Whether `out` is `input`, with some dots at the start of lines doubled; its last part may be missing unless it is `complete`. */
function isFaithful(input: string, out: string, complete: boolean): boolean {
  const lines = input.split('\n');
  const outLines = out.split('\n');
  const isLine = (line: string, outLine: string) =>
    outLine === line || (line.startsWith('.') && outLine === `.${line}`);
  const last = outLines.pop() ?? '';
  const lastLine = lines[outLines.length] ?? '';
  if (!outLines.every((outLine, index) => isLine(lines[index] ?? '', outLine))) return false;
  if (complete) return lines.length === outLines.length + 1 && isLine(lastLine, last);
  return lastLine.startsWith(last) || (lastLine.startsWith('.') && `.${lastLine}`.startsWith(last));
}
