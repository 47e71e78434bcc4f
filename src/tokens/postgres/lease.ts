/**
 * Who may ask a token endpoint for an account, in all of the fleet: a lease in the account's row, committed before
 * anything is asked, with no transaction open while it is held. It ends by the server's clock. A lease whose end has come
 * though nobody gave it up is taken over only by a process that has seen the database answer for as long as a lease lasts:
 * when the database comes back after having been away, its owner may have a token to write that exists nowhere else.
 */
import { type Clock, sleep } from '../../core/clock.js';
import { AppError } from '../../core/errors.js';
import { randomWord } from '../names.js';
import { isGone, ownIdentity, parseIdentity } from '../process-identity.js';
import type { Rows } from './rows.js';

/** A question to a token endpoint ends after 30 s, and is asked at once. */
export const leaseMs = 40_000;
const firstPollMs = 100;
const longestPollMs = 1_000;

export interface LeaseOptions {
  readonly rows: Rows;
  readonly clock: Clock;
  readonly random: () => number;
  /** Where this process keeps answers that it can't write; "" for nowhere. */
  readonly place: string;
}

/** The leases of one process. */
export class Leases {
  readonly #options: LeaseOptions;
  /** Owner to name: those that may stand in the database though nothing is done under them any more. */
  readonly #left = new Map<string, string>();

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Waits for a living owner until `signal` aborts (AppError token-locked then). Throws AppError token-missing too. */
  async take(name: string, signal: AbortSignal | undefined): Promise<Lease> {
    const { clock, place, random, rows } = this.#options;
    const owner = JSON.stringify({ ...(await ownIdentity()), place, nonce: randomWord(random) });
    let former: Former = { owner: '', isGone: false };
    for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 1.5, longestPollMs)) {
      if (signal?.aborted) throw busy(rows.placeOf(name));
      if (await this.#take(name, owner, former))
        return new Lease(rows, name, owner, () => this.#leave(name, owner));
      const holder = await holderOf(rows, name);
      const isGone = this.#left.has(holder.owner) || (await isGoneFromHere(holder, place));
      former = { owner: holder.owner, isGone };
      if (isGone || mayTakeOver(holder, rows)) continue;
      former = { owner: '', isGone: false };
      await sleep(clock, pollMs * (0.75 + 0.5 * random()), signal).catch(() => undefined);
    }
  }

  /** Gives up what could not be given up while the database was away. Never rejects. */
  async settle(): Promise<void> {
    for (const [owner, name] of [...this.#left])
      if (await giveUp(this.#options.rows, name, owner)) this.#left.delete(owner);
  }

  async #take(name: string, owner: string, former: Former): Promise<boolean> {
    try {
      return await take(this.#options.rows, name, owner, former);
    } catch (error) {
      // It may have been taken all the same.
      this.#leave(name, owner);
      throw error;
    }
  }

  #leave(name: string, owner: string): void {
    this.#left.set(owner, name);
  }
}

export class Lease {
  constructor(
    private readonly rows: Rows,
    private readonly name: string,
    private readonly owner: string,
    private readonly leave: () => void,
  ) {}

  /**
   * From now on it lasts anew, and the database was just seen to be writable. Throws AppError token-locked when it is
   * another's, or the row is no longer at `version`.
   */
  async renew(version: string): Promise<void> {
    const renewed = await this.rows.database.query(
      `UPDATE mailbearer.account SET lease_until = now() + $4 * interval '1 millisecond'
       WHERE name = $1 AND lease_owner = $2 AND version = $3 RETURNING name`,
      [this.name, this.owner, version, leaseMs],
    );
    if (renewed.length === 0) throw busy(this.rows.placeOf(this.name));
  }

  /** What can't be given up now is given up later, or ends by itself. */
  async release(): Promise<void> {
    if (!(await giveUp(this.rows, this.name, this.owner))) this.leave();
  }
}

async function giveUp(rows: Rows, name: string, owner: string): Promise<boolean> {
  try {
    await rows.database.query(
      `UPDATE mailbearer.account SET lease_owner = NULL, lease_until = NULL WHERE name = $1 AND lease_owner = $2`,
      [name, owner],
    );
    return true;
  } catch {
    return false;
  }
}

/** Whose lease may be taken over; one that does not know how it stands with him looks for its end. */
interface Former {
  readonly owner: string;
  readonly isGone: boolean;
}

/** Who is about to be served does not wait behind another statement on this row, but looks again later. */
async function take(rows: Rows, name: string, owner: string, former: Former): Promise<boolean> {
  const taken = await rows.database.queryInTurn(
    `WITH free AS (
       SELECT name FROM mailbearer.account
       WHERE name = $1 AND (lease_owner IS NULL OR lease_owner = $3 AND ($4 OR lease_until <= now()))
       FOR UPDATE SKIP LOCKED
     )
     UPDATE mailbearer.account AS account
     SET lease_owner = $2, lease_until = now() + $5 * interval '1 millisecond'
     FROM free WHERE account.name = free.name RETURNING account.name`,
    [name, owner, former.owner, former.isGone, leaseMs],
  );
  return taken.length > 0;
}

interface Holder {
  readonly owner: string;
  readonly ended: boolean;
}

async function holderOf(rows: Rows, name: string): Promise<Holder> {
  const [row] = await rows.database.queryInTurn<{ owner: string; ended: boolean }>(
    `SELECT coalesce(lease_owner, '') AS owner, coalesce(lease_until <= now(), true) AS ended
     FROM mailbearer.account WHERE name = $1`,
    [name],
  );
  if (row === undefined) throw rows.missing(name);
  return row;
}

function mayTakeOver({ ended, owner }: Holder, { database }: Rows): boolean {
  return owner !== '' && ended && database.upForMs >= leaseMs;
}

/**
 * Of an owner on this machine it is known whether it lives. If it does not, what it had to leave is found at once only
 * where it left it here, too; another will look there when it is started again.
 */
async function isGoneFromHere({ owner }: Holder, place: string): Promise<boolean> {
  const { identity, place: left } = read(owner);
  return identity !== undefined && left === place && (await isGone(identity));
}

function read(owner: string): { identity?: ReturnType<typeof parseIdentity>; place?: unknown } {
  try {
    const { place, ...identity } = JSON.parse(owner) as Record<string, unknown>;
    return { identity: parseIdentity(identity), place };
  } catch {
    return {};
  }
}

function busy(place: string): AppError {
  return new AppError(
    'token-locked',
    `another process refreshes the token in ${place}, and has not finished`,
    {
      hint: 'try again in a minute',
    },
  );
}
