/**
 * How long to leave an account alone whose sign-in the server has refused: another AUTH at once would be refused
 * again, and some servers then lock the account or slow down whoever asks (Dovecot, by address). A new token ends
 * the wait, and so does a sign-in that was accepted; the wait gets longer from refusal to refusal until mail passes.
 */
import type { Clock } from '../core/clock.js';
import type { AuthRefused } from '../protocol/smtp/client.js';
import type { AccessToken } from '../refresh/token-source.js';

const firstWaitMs = 30_000;
const longestWaitMs = 600_000;

export interface Refusal {
  readonly token: AccessToken;
  readonly error: AuthRefused;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export class Patience {
  readonly #clock: Clock;
  #refused: Refusal | undefined;
  #waitMs = 0;
  /** On the monotonic clock. */
  #until = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The last one, unless a sign-in was accepted since. */
  get refusal(): Refusal | undefined {
    return this.#refused;
  }

  /** The refusal that still holds for this token, to be told instead of asking again. */
  refusalOf(token: AccessToken): AuthRefused | undefined {
    const refused = this.#refused;
    if (refused === undefined || !refused.token.secret.equals(token.secret)) return undefined;
    return this.#clock.monotonic() < this.#until ? refused.error : undefined;
  }

  /** The server refused this token, and no other was to be had. Sessions that are refused together count as one. */
  refused(token: AccessToken, error: AuthRefused): void {
    const now = this.#clock.monotonic();
    if (now >= this.#until) {
      this.#waitMs = Math.min(2 * this.#waitMs || firstWaitMs, longestWaitMs);
      this.#until = now + this.#waitMs;
    }
    this.#refused = { token, error, at: this.#clock.now() };
  }

  /** The server has accepted a sign-in, which it may think better of when mail comes. */
  accepted(): void {
    this.#refused = undefined;
  }

  /** It has taken mail, too. */
  proven(): void {
    this.#refused = undefined;
    this.#waitMs = 0;
    this.#until = -Infinity;
  }
}
