/**
 * Octets to lines. Only CR LF ends a line (RFC 5321, 2.3.8); a bare CR or LF makes the line a fault of its own
 * kind and never a line end for anyone who would obey it. A line over the limit is reported once and then
 * skipped to its end, so that what is kept never grows beyond the limit and one chunk.
 */

/** A line as it came, its CR LF included; one latin1 character an octet. Or what is none. */
export type Line = string | LineFault;

export interface LineFault {
  readonly fault: 'bare-newline' | 'too-long';
}

const CR = 0x0d;
const bareNewline: LineFault = { fault: 'bare-newline' };
const tooLong: LineFault = { fault: 'too-long' };

export function withoutLineEnd(line: string): string {
  return line.slice(0, -2);
}

/** A chunk is made a string once: searching and cutting a string costs far less than as many calls on a Buffer. */
export class LineReader {
  readonly #longestOctets: number;
  /** The octets that are not handed out yet begin at `#at`; one latin1 character an octet. */
  #text = '';
  #at = 0;
  /** Where the search for LF goes on, so that slow senders cost no quadratic search. */
  #searchFrom = 0;
  #skipping = false;

  /** @param longestOctets the longest line allowed, CR LF included. */
  constructor(longestOctets: number) {
    this.#longestOctets = longestOctets;
  }

  /** @returns all that is not handed out, as text */
  push(chunk: Buffer): string {
    const text = chunk.toString('latin1');
    this.#text = this.#at === this.#text.length ? text : this.#text.slice(this.#at) + text;
    this.#searchFrom -= this.#at;
    this.#at = 0;
    return this.#text;
  }

  get pendingOctets(): number {
    return this.#text.length - this.#at;
  }

  /** Everything not yet handed out as lines; the reader is empty afterwards. */
  takeRest(): Buffer {
    const rest = Buffer.from(this.#text.slice(this.#at), 'latin1');
    this.#clear();
    return rest;
  }

  next(): Line | undefined {
    for (;;) {
      const lineFeed = this.#text.indexOf('\n', this.#searchFrom);
      if (lineFeed < 0) return this.#incomplete();
      const start = this.#at;
      this.#at = lineFeed + 1;
      this.#searchFrom = this.#at;
      if (!this.#skipping) return this.#judge(start, lineFeed);
      this.#skipping = false;
    }
  }

  #incomplete(): Line | undefined {
    if (this.#skipping || this.pendingOctets === 0) {
      this.#clear();
    } else if (this.pendingOctets >= this.#longestOctets) {
      this.#skipping = true;
      this.#clear();
      return tooLong;
    }
    this.#searchFrom = this.#text.length;
    return undefined;
  }

  #judge(start: number, lineFeed: number): Line {
    if (lineFeed + 1 - start > this.#longestOctets) return tooLong;
    const end = lineFeed - 1;
    if (this.#text.charCodeAt(end) !== CR) return bareNewline;
    return this.#text.indexOf('\r', start) === end ? this.#text.slice(start, lineFeed + 1) : bareNewline;
  }

  #clear(): void {
    this.#text = '';
    this.#at = 0;
    this.#searchFrom = 0;
  }
}
