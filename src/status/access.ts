/**
 * Who may see the page, which names mailboxes: whoever can read the key file, and a browser that was let in with a URL
 * made by such a one. The URL works once and for a few minutes, so that it is worth nothing in a history or a log; what
 * it is exchanged for stays in a cookie that neither scripts nor other sites get hold of.
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../core/clock.js';
import type { Secret } from '../core/secret.js';
import { cookiesOf, digestOf, randomWord } from './cookies.js';

const ticketMs = 5 * 60_000;
const cookieSeconds = 12 * 3600;
const cookieName = 'mailbearer';
/** More browsers than anyone has; the oldest are forgotten. */
const mostOfAKind = 100;

export class Access {
  readonly #clock: Clock;
  readonly #key: Secret | undefined;
  /** Digests of what is known, and until when. */
  readonly #tickets = new Map<string, number>();
  readonly #cookies = new Map<string, number>();

  /** Without a key nobody is let in. */
  constructor(key: Secret | undefined, clock: Clock) {
    this.#key = key;
    this.#clock = clock;
  }

  /** Whether it comes with the cookie or the key. */
  admits(request: IncomingMessage): boolean {
    return this.admitsProgram(request) || this.admitsBrowser(request);
  }

  /** With the cookie alone. */
  admitsBrowser(request: IncomingMessage): boolean {
    const now = this.#clock.now();
    return cookiesOf(request, cookieName).some((value) => (this.#cookies.get(digestOf(value)) ?? 0) > now);
  }

  /** With the key alone: a browser shall not let in others. */
  admitsProgram({ headers }: IncomingMessage): boolean {
    const [, shown] = /^Bearer ([\w-]+)$/.exec(headers.authorization ?? '') ?? [];
    return shown !== undefined && this.#isKey(shown);
  }

  /** What `/enter?ticket=` takes once. */
  issueTicket(): string {
    return this.#issue(this.#tickets, ticketMs);
  }

  /** The value of Set-Cookie, or undefined for a ticket that is unknown, used or too old. */
  exchange(ticket: string): string | undefined {
    const digest = digestOf(ticket);
    const until = this.#tickets.get(digest);
    this.#tickets.delete(digest);
    if (until === undefined || until <= this.#clock.now()) return undefined;
    const value = this.#issue(this.#cookies, cookieSeconds * 1000);
    return `${cookieName}=${value}; Path=/; Max-Age=${cookieSeconds}; HttpOnly; SameSite=Strict`;
  }

  #isKey(shown: string): boolean {
    return this.#key !== undefined && digestOf(shown) === digestOf(this.#key.reveal());
  }

  #issue(known: Map<string, number>, lifeMs: number): string {
    const value = randomWord();
    const [oldest] = known.keys();
    if (known.size >= mostOfAKind && oldest !== undefined) known.delete(oldest);
    known.set(digestOf(value), this.#clock.now() + lifeMs);
    return value;
  }
}
