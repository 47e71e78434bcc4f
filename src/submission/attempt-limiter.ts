/**
 * How often may be guessed: from one address for one name, and from one address in all. It costs a look at a table, so
 * that guesses beyond it cost no more. It never locks anyone out: other addresses are not concerned, and
 * who has signed in before (authenticator.ts) is not asked here at all. IPv6 addresses count by their /64.
 */
import type { Clock } from '../core/clock.js';

interface Allowance {
  /** Failures that may follow each other at once. */
  readonly burst: number;
  /** One more is allowed after so much time. */
  readonly restMs: number;
}

/** A person, or a device that repeats an old password, comes back within half a minute. */
const forName: Allowance = { burst: 10, restMs: 30_000 };
/** Web mail signs in many people from one address; a hash a second is a fifth of a core. */
const forAddress: Allowance = { burst: 100, restMs: 1000 };
/** More than these were needed by a host of addresses at once; the oldest are forgotten. */
const mostRemembered = 20_000;

interface Debt {
  failures: number;
  /** Of `clock.monotonic()`. */
  at: number;
}

export class AttemptLimiter {
  readonly #clock: Clock;
  readonly #debts = new Map<string, Debt>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether this attempt may be made; it counts as a failure until `forgive` says otherwise. */
  take(peer: string, name: string): boolean {
    const ofAddress = this.#debt(addressKey(peer), forAddress);
    const ofName = this.#debt(nameKey(peer, name), forName);
    if (ofName.failures >= forName.burst || ofAddress.failures >= forAddress.burst) return false;
    ofName.failures++;
    ofAddress.failures++;
    return true;
  }

  /** The attempt was no failure. */
  forgive(peer: string, name: string): void {
    for (const key of [addressKey(peer), nameKey(peer, name)]) {
      const debt = this.#debts.get(key);
      if (debt !== undefined) debt.failures = Math.max(0, debt.failures - 1);
    }
  }

  #debt(key: string, { restMs }: Allowance): Debt {
    const now = this.#clock.monotonic();
    const debt = this.#debts.get(key) ?? { failures: 0, at: now };
    debt.failures = Math.max(0, debt.failures - (now - debt.at) / restMs);
    debt.at = now;
    // Those that were touched last are at the end.
    this.#debts.delete(key);
    this.#debts.set(key, debt);
    if (this.#debts.size > mostRemembered) this.#debts.delete(this.#debts.keys().next().value!);
    return debt;
  }
}

function addressKey(peer: string): string {
  return network(peer);
}

function nameKey(peer: string, name: string): string {
  return `${network(peer)} ${name}`;
}

function network(peer: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(peer)?.[1];
  if (mapped !== undefined || !peer.includes(':')) return mapped ?? peer;
  const [head = '', tail = ''] = peer.split('::');
  const [first, last] = [head, tail].map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array<string>(Math.max(0, 8 - first!.length - last!.length)).fill('0');
  return [...first!, ...zeros, ...last!].slice(0, 4).join(':');
}
