/**
 * The message after DATA, as it goes through: still dot-stuffed, untouched, in the chunks in which it came.
 * Only CR LF "." CR LF ends it (RFC 5321, 4.1.1.4). Other servers are less strict, and would let the author of
 * a message end it early and speak SMTP in our name ("SMTP smuggling"), so a dot where they might see an end
 * is defused: doubled where that is harmless, else the message is given up (`unsafe`).
 */

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const NUL = 0x00;
const endOctets = 3; // "." CR LF
const candidates = ['\n.', '\r.', '\0.'].map((text) => Buffer.from(text));
const nothing: readonly Buffer[] = [];
const empty = Buffer.alloc(0);

/** What stands before an octet, or after a dot; `nul` is a line end with NULs in between, which some drop. */
type Neighbour = 'crlf' | 'lf' | 'cr' | 'nul' | 'other';
type Verdict = 'pass' | 'double' | 'unsafe' | 'end';

/** [what stands before the dot][what stands after it] */
const verdicts: Readonly<Record<Neighbour, Readonly<Record<Neighbour, Verdict>>>> = {
  crlf: { crlf: 'end', lf: 'double', cr: 'unsafe', nul: 'unsafe', other: 'pass' },
  lf: { crlf: 'double', lf: 'double', cr: 'unsafe', nul: 'unsafe', other: 'double' },
  cr: { crlf: 'unsafe', lf: 'unsafe', cr: 'unsafe', nul: 'unsafe', other: 'pass' },
  nul: { crlf: 'unsafe', lf: 'unsafe', cr: 'unsafe', nul: 'unsafe', other: 'pass' },
  other: { crlf: 'pass', lf: 'pass', cr: 'pass', nul: 'pass', other: 'pass' },
};

export interface BodyPart {
  /** To be sent on, in order; the end mark is part of the last one. */
  readonly pieces: readonly Buffer[];
  readonly octets: number;
  /** The pieces in latin1, where they were read as that; only of a part that ends the message. */
  readonly text?: string | undefined;
  /** Set when this part reaches the end mark: what came after it. */
  readonly rest: Buffer | undefined;
}

export class BodyScanner {
  readonly #refuseBareNewlines: boolean;
  /** What stands before the first octet of the next chunk. The message starts on a new line. */
  #before: Neighbour = 'crlf';
  /** A dot, or a dot and CR, whose meaning the next chunk decides. */
  #held: Buffer = empty;
  #unsafe = false;

  constructor(options: { refuseBareNewlines: boolean }) {
    this.#refuseBareNewlines = options.refuseBareNewlines;
  }

  /** True once the message may not be sent: nothing more comes out, but its end is still looked for. */
  get unsafe(): boolean {
    return this.#unsafe;
  }

  scan(chunk: Buffer): BodyPart {
    const data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = empty;
    const mayGlance = !this.#unsafe && !this.#refuseBareNewlines && data.length <= shortPartOctets;
    const whole = mayGlance ? endAtAGlance(data) : undefined;
    if (whole !== undefined) return whole;
    // Most chunks of most messages (base64, a line of text) hold no dot at all.
    if (data.indexOf(DOT) < 0) return this.#finish(data, data, data.length, data.length);
    const found = [unknown, unknown, unknown];
    const out = new Outgoing(data);
    for (let at = data[0] === DOT ? 0 : dotAfterNewline(data, 1, found); at >= 0;) {
      // A dot-stuffed line, by far the most common case: nothing to decide.
      if (at > 1 && data[at - 1] === LF && data[at - 2] === CR && data[at + 1]! > CR) {
        at = dotAfterNewline(data, at + 2, found);
        continue;
      }
      const after = neighbourAfter(data, at + 1);
      if (after === undefined) {
        this.#held = Buffer.from(data.subarray(at));
        return this.#finish(data, out.upTo(at), at, at);
      }
      const verdict = verdicts[neighbourBefore(data, at, this.#before)][after];
      if (verdict === 'end') {
        const end = at + endOctets;
        const { pieces, octets } = this.#finish(data, out.upTo(end), end, at);
        return { pieces, octets, rest: end === data.length ? empty : data.subarray(end) };
      }
      if (verdict === 'unsafe') this.#unsafe = true;
      if (verdict === 'double') out.doubleDot(at);
      at = dotAfterNewline(data, at + 1, found);
    }
    return this.#finish(data, out.upTo(data.length), data.length, data.length);
  }

  /**
   * @param consumed octets of `data` that have been decided on
   * @param text the part of them in front of an end mark
   */
  #finish(data: Buffer, out: Buffer, consumed: number, text: number): BodyPart {
    if (this.#refuseBareNewlines && hasBareNewline(data.subarray(0, text), this.#before)) this.#unsafe = true;
    this.#before = neighbourBefore(data, consumed, this.#before);
    if (this.#unsafe) return { pieces: nothing, octets: 0, rest: undefined };
    return { pieces: [out], octets: out.length, rest: undefined };
  }
}

/** A part of a message of at most so many octets is read, and leaves, as text. */
export const shortPartOctets = 16_000;

/**
 * The part, when these octets end the message and hold no other dot that anyone might take for its end: so most small
 * messages come, and to search a string costs a fraction of as many calls on a Buffer.
 */
function endAtAGlance(data: Buffer): BodyPart | undefined {
  // By the octets, so that no text is made of what does not end there.
  if (data[0] === DOT || !endsWithMark(data)) return undefined;
  const text = data.toString('latin1');
  const isWhole =
    text.indexOf('\n.') === text.length - endOctets - 1 && !text.includes('\r.') && !text.includes('\0.');
  return isWhole ? { pieces: [data], octets: data.length, text, rest: empty } : undefined;
}

function endsWithMark(data: Buffer): boolean {
  const end = data.length;
  return (
    data[end - 1] === LF &&
    data[end - 2] === CR &&
    data[end - 3] === DOT &&
    data[end - 4] === LF &&
    data[end - 5] === CR
  );
}

/** What goes out of a chunk: a part of the chunk itself, copied only once a dot must be doubled. */
class Outgoing {
  readonly #data: Buffer;
  #copy: Buffer | undefined;
  #copied = 0;
  /** Octets of the chunk that are in the copy. */
  #taken = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  /** The dot at `position` goes out twice. */
  doubleDot(position: number): void {
    // Each octet could be a dot.
    this.#copy ??= Buffer.allocUnsafe(this.#data.length * 2);
    this.#copyTo(this.#copy, position);
    this.#copy[this.#copied++] = DOT;
  }

  #copyTo(copy: Buffer, position: number): void {
    const octets = position - this.#taken;
    // A native call costs more than copying a short line by hand.
    if (octets > 64) this.#data.copy(copy, this.#copied, this.#taken, position);
    else
      for (let index = 0; index < octets; index++)
        copy[this.#copied + index] = this.#data[this.#taken + index]!;
    this.#copied += octets;
    this.#taken = position;
  }

  upTo(position: number): Buffer {
    if (this.#copy === undefined)
      return position === this.#data.length ? this.#data : this.#data.subarray(0, position);
    this.#copyTo(this.#copy, position);
    return this.#copy.subarray(0, this.#copied);
  }
}

/** How far to look by hand before the native search, whose every call costs as much as some hundred octets. */
const nearby = 128;
const unknown = -2;

/**
 * The first dot at `from` or later that stands after CR, LF or NUL; -1 when there is none.
 * @param found where the native search has found each candidate last, kept from call to call
 */
function dotAfterNewline(data: Buffer, from: number, found: number[]): number {
  const near = Math.min(from + nearby, data.length);
  for (let at = from; at < near; at++) {
    if (data[at] !== DOT) continue;
    const before = data[at - 1];
    if (before === LF || before === CR || before === NUL) return at;
  }
  let best = -1;
  for (let index = 0; index < candidates.length; index++) {
    let position = found[index]!;
    if (position === unknown || (position >= 0 && position + 1 < near)) {
      position = data.indexOf(candidates[index]!, Math.max(0, near - 1));
      found[index] = position;
    }
    if (position >= 0 && (best < 0 || position + 1 < best)) best = position + 1;
  }
  return best;
}

function neighbourBefore(data: Buffer, position: number, before: Neighbour): Neighbour {
  if (position === 0) return before;
  const last = data[position - 1];
  if (last === CR) return 'cr';
  if (last === LF) return (position > 1 ? data[position - 2] === CR : before === 'cr') ? 'crlf' : 'lf';
  if (last !== NUL) return 'other';
  let start = position - 1;
  while (start > 0 && data[start - 1] === NUL) start--;
  return neighbourBefore(data, start, before) === 'other' ? 'other' : 'nul';
}

/** Undefined when the octets that decide are not there yet. */
function neighbourAfter(data: Buffer, position: number): Neighbour | undefined {
  if (position >= data.length) return undefined;
  const first = data[position];
  if (first === LF) return 'lf';
  if (first === NUL) return 'nul';
  if (first !== CR) return 'other';
  if (position + 1 >= data.length) return undefined;
  return data[position + 1] === LF ? 'crlf' : 'cr';
}

function hasBareNewline(text: Buffer, before: Neighbour): boolean {
  if (before === 'cr' && text.length > 0 && text[0] !== LF) return true;
  for (let at = text.indexOf(LF); at >= 0; at = text.indexOf(LF, at + 1)) {
    if (at === 0 ? before !== 'cr' : text[at - 1] !== CR) return true;
  }
  for (let at = text.indexOf(CR); at >= 0 && at + 1 < text.length; at = text.indexOf(CR, at + 1)) {
    if (text[at + 1] !== LF) return true;
  }
  return false;
}
