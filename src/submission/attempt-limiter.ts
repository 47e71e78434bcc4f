/**
 * How often may be guessed, whatever the port: from one address for one name, and from one address in all. It costs a
 * look at a table, so that guesses beyond it cost no more. It never locks anyone out: other addresses are not concerned, and
 * who has signed in before (authenticator.ts) is not asked here at all. IPv6 addresses count by their /64.
 */
import { createHash } from 'node:crypto';
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
  /** At that time; they become less. */
  failures: number;
  /** Of `clock.monotonic()`. */
  readonly at: number;
}

export class AttemptLimiter {
  readonly #clock: Clock;
  /** Those that were added to last are at the end. */
  readonly #debts = new Map<string, Debt>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether this attempt may be made; it counts as a failure until `forgive` says otherwise. */
  take(peer: string, name: string): boolean {
    const counts = countsOf(peer, name);
    const failures = counts.map((count) => this.#failures(count));
    // What is not allowed leaves no trace either, or it would push out what must be remembered.
    if (counts.some(({ burst }, index) => failures[index]! + 1 > burst)) return false;
    for (const [index, { key }] of counts.entries()) this.#set(key, failures[index]! + 1);
    return true;
  }

  /** The attempt was no failure. */
  forgive(peer: string, name: string): void {
    for (const { key } of countsOf(peer, name)) {
      const debt = this.#debts.get(key);
      if (debt !== undefined) debt.failures = Math.max(0, debt.failures - 1);
    }
  }

  #failures({ key, restMs }: Count): number {
    const debt = this.#debts.get(key);
    return debt === undefined ? 0 : Math.max(0, debt.failures - (this.#clock.monotonic() - debt.at) / restMs);
  }

  #set(key: string, failures: number): void {
    this.#debts.delete(key);
    this.#debts.set(key, { failures, at: this.#clock.monotonic() });
    if (this.#debts.size > mostRemembered) this.#debts.delete(this.#debts.keys().next().value!);
  }
}

interface Count extends Allowance {
  readonly key: string;
}

function countsOf(peer: string, name: string): readonly Count[] {
  const from = network(peer);
  // A name can have thousands of characters, and there is room for many.
  const digest = createHash('sha256').update(name).digest('base64');
  return [
    { key: from, ...forAddress },
    { key: `${from} ${digest}`, ...forName },
  ];
}

function network(peer: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(peer)?.[1];
  if (mapped !== undefined || !peer.includes(':')) return mapped ?? peer;
  const [head = '', tail = ''] = peer.split('::');
  const [first, last] = [head, tail].map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array<string>(Math.max(0, 8 - first!.length - last!.length)).fill('0');
  return [...first!, ...zeros, ...last!].slice(0, 4).join(':');
}
