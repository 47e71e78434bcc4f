/**
 * Octets to lines. Only CR LF ends a line (RFC 5321, 2.3.8); a bare CR or LF makes the line a fault of its own
 * kind and never a line end for anyone who would obey it. A line over the limit is reported once and then
 * skipped to its end, so that what is kept never grows beyond the limit and one chunk.
 */

export type Line =
  /** Without its CR LF; one latin1 character an octet. */
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'bare-newline' }
  | { readonly kind: 'too-long' };

const CR = 0x0d;
const LF = 0x0a;
const empty = Buffer.alloc(0);

export class LineReader {
  readonly #longestOctets: number;
  #buffer: Buffer = empty;
  /** Where the search for LF goes on, so that slow senders cost no quadratic search. */
  #searchFrom = 0;
  #skipping = false;

  /** @param longestOctets the longest line allowed, CR LF included. */
  constructor(longestOctets: number) {
    this.#longestOctets = longestOctets;
  }

  push(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
  }

  get pendingOctets(): number {
    return this.#buffer.length;
  }

  /** Everything not yet handed out as lines; the reader is empty afterwards. */
  takeRest(): Buffer {
    const rest = this.#buffer;
    this.#buffer = empty;
    this.#searchFrom = 0;
    return rest;
  }

  next(): Line | undefined {
    for (;;) {
      const lineFeed = this.#buffer.indexOf(LF, this.#searchFrom);
      if (lineFeed < 0) return this.#incomplete();
      const octets = this.#buffer.subarray(0, lineFeed + 1);
      this.#buffer = this.#buffer.subarray(lineFeed + 1);
      this.#searchFrom = 0;
      if (this.#skipping) {
        this.#skipping = false;
        continue;
      }
      return this.#judge(octets);
    }
  }

  #incomplete(): Line | undefined {
    if (this.#skipping) {
      this.#buffer = empty;
    } else if (this.#buffer.length >= this.#longestOctets) {
      this.#skipping = true;
      this.#buffer = empty;
      this.#searchFrom = 0;
      return { kind: 'too-long' };
    }
    this.#searchFrom = this.#buffer.length;
    return undefined;
  }

  #judge(octets: Buffer): Line {
    if (octets.length > this.#longestOctets) return { kind: 'too-long' };
    const carriageReturn = octets.indexOf(CR);
    if (carriageReturn < 0 || carriageReturn !== octets.length - 2) return { kind: 'bare-newline' };
    return { kind: 'line', text: octets.toString('latin1', 0, carriageReturn) };
  }
}
