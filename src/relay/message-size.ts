/**
 * Whether a message is larger than it may be, as its octets go by. RFC 1870, 3 counts neither doubled dots nor the
 * end mark. Our own limit, where there is one, is kept to the octet; the upstream's, which it sees to itself, only
 * ends what must be beyond it, so that dots need not be counted.
 */
import type { Extensions } from '../protocol/smtp/client.js';
import type { Reply } from '../protocol/smtp/reply.js';
import type { BodyEvent } from '../protocol/smtp/server.js';
import { tooLarge } from './limits.js';

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const dottedLine = Buffer.from([CR, LF, DOT]);
const endOctets = 3; // "." CR LF

/** The number that an upstream offers with SIZE; Infinity for 0 ("no limit"), undefined when it says none. */
export function sizeOffered(extensions: Extensions): number | undefined {
  const text = extensions.get('SIZE')?.[0] ?? '';
  if (!/^\d{1,20}$/.test(text)) return undefined;
  return Number(text) || Infinity;
}

export class MessageSize {
  readonly #ownLimit: number;
  readonly #upstreamLimit: number;
  /** On the wire. */
  #octets = 0;
  #dottedLines = 0;
  /** The last two octets so far; a message begins on a new line. */
  #last = LF;
  #lastButOne = CR;

  constructor(ownLimit: number, upstreamLimit: number) {
    this.#ownLimit = ownLimit;
    this.#upstreamLimit = upstreamLimit;
  }

  /** Counts a part; the refusal once there are too many octets. */
  add({ pieces, octets, ended }: Pick<BodyEvent, 'pieces' | 'octets' | 'ended'>): Reply | undefined {
    this.#octets += octets;
    // No line is shorter than ".." CR LF, three octets of the message: a third is the most that dots can add.
    if ((this.#octets - endOctets) * 3 > this.#upstreamLimit * 4) return tooLarge(this.#upstreamLimit);
    if (this.#ownLimit === Infinity) return undefined;
    for (const piece of pieces) this.#countDottedLines(piece);
    // The dot of the end mark is the dot of a line, too.
    const size = this.#octets - this.#dottedLines - (ended ? endOctets - 1 : 0);
    return size > this.#ownLimit ? tooLarge(this.#ownLimit) : undefined;
  }

  #countDottedLines(piece: Buffer): void {
    if (piece.length === 0) return;
    // A line end that the last piece began or ended.
    if (this.#last === LF && this.#lastButOne === CR && piece[0] === DOT) this.#dottedLines++;
    if (this.#last === CR && piece[0] === LF && piece[1] === DOT) this.#dottedLines++;
    for (let at = piece.indexOf(dottedLine); at >= 0; at = piece.indexOf(dottedLine, at + dottedLine.length))
      this.#dottedLines++;
    this.#lastButOne = piece.length > 1 ? piece[piece.length - 2]! : this.#last;
    this.#last = piece[piece.length - 1]!;
  }
}
