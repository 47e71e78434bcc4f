/**
 * Netstrings (https://cr.yp.to/proto/netstrings.txt): `5:hello,`. No more is kept than one string, and no more room is
 * made than has been announced and is allowed.
 */

export type NetstringEvent =
  | { readonly kind: 'string'; readonly octets: Buffer }
  /** What follows cannot be understood; nothing more is read. */
  | { readonly kind: 'fault'; readonly problem: string };

const [zero, nine, colon, comma] = [0x30, 0x39, 0x3a, 0x2c];

export class NetstringReader {
  readonly #mostOctets: number;
  /** Digits so far; undefined before the first. */
  #length: number | undefined;
  #body: Buffer | undefined;
  #filled = 0;
  #broken = false;

  constructor(mostOctets: number) {
    this.#mostOctets = mostOctets;
  }

  /** Whether a string has begun and not ended. */
  get isWithin(): boolean {
    return this.#length !== undefined;
  }

  receive(chunk: Buffer): readonly NetstringEvent[] {
    const events: NetstringEvent[] = [];
    for (let at = 0; at < chunk.length && !this.#broken;) {
      if (this.#body !== undefined && this.#filled < this.#body.length) {
        const copied = chunk.copy(this.#body, this.#filled, at);
        this.#filled += copied;
        at += copied;
        continue;
      }
      const event = this.#body === undefined ? this.#head(chunk[at]!) : this.#tail(chunk[at]!);
      if (event !== undefined) events.push(event);
      at++;
    }
    return events;
  }

  #head(octet: number): NetstringEvent | undefined {
    if (octet === colon && this.#length !== undefined) {
      this.#body = Buffer.alloc(this.#length);
      this.#filled = 0;
      return undefined;
    }
    if (octet < zero || octet > nine) return this.#fault('expected a length and a colon');
    if (this.#length === 0) return this.#fault('a length begins with 0');
    this.#length = (this.#length ?? 0) * 10 + (octet - zero);
    return this.#length > this.#mostOctets
      ? this.#fault(`longer than ${this.#mostOctets} octets`)
      : undefined;
  }

  #tail(octet: number): NetstringEvent {
    if (octet !== comma) return this.#fault('no comma at the end');
    const octets = this.#body!;
    this.#body = undefined;
    this.#length = undefined;
    return { kind: 'string', octets };
  }

  #fault(problem: string): NetstringEvent {
    this.#broken = true;
    this.#body = undefined;
    return { kind: 'fault', problem };
  }
}

export function netstring(octets: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${octets.length}:`), octets, Buffer.of(comma)]);
}
