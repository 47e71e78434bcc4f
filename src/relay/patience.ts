/**
 * How long to leave an account alone whose sign-in the server has refused: another AUTH at once would be refused
 * again, and some servers then lock the account or slow down whoever asks (Dovecot, by address). A new token ends
 * the wait, and so does a success.
 */
import type { Clock } from '../core/clock.js';
import type { AppError } from '../core/errors.js';
import type { AccessToken } from '../refresh/token-source.js';

const firstWaitMs = 30_000;
const longestWaitMs = 600_000;

export class Patience {
  readonly #clock: Clock;
  #refusals = 0;
  #refused: { readonly token: AccessToken; readonly error: AppError; readonly until: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The refusal that still holds for this token, to be told instead of asking again. */
  refusalOf(token: AccessToken): AppError | undefined {
    const refused = this.#refused;
    if (refused === undefined || !refused.token.secret.equals(token.secret)) return undefined;
    return this.#clock.monotonic() < refused.until ? refused.error : undefined;
  }

  /** The server refused this token, and no other was to be had; the wait doubles each time. */
  refused(token: AccessToken, error: AppError): void {
    const waitMs = Math.min(firstWaitMs * 2 ** this.#refusals, longestWaitMs);
    this.#refusals++;
    this.#refused = { token, error, until: this.#clock.monotonic() + waitMs };
  }

  accepted(): void {
    this.#refusals = 0;
    this.#refused = undefined;
  }
}
