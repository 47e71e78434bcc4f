/**
 * A string that must never be shown. However it is printed, logged or serialised, it says `[redacted]`; only
 * `reveal()`, which is easy to grep for, gives the value.
 */
import { inspect } from 'node:util';

const redacted = '[redacted]';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Each caller must hand it to a wire or a 0600 file and to nothing else. */
  reveal(): string {
    return this.#value;
  }

  get isEmpty(): boolean {
    return this.#value === '';
  }

  equals(other: Secret | undefined): boolean {
    return other !== undefined && other.#value === this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}
