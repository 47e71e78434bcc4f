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
}

export class Lease {
  private constructor(
    private readonly rows: Rows,
    private readonly name: string,
    private readonly owner: string,
  ) {}

  /** Waits for a living owner until `signal` aborts (AppError token-locked then). Throws AppError token-missing too. */
  static async take(
    name: string,
    { clock, random, rows }: LeaseOptions,
    signal: AbortSignal | undefined,
  ): Promise<Lease> {
    const owner = JSON.stringify({ ...(await ownIdentity()), nonce: randomWord(random) });
    let former: Former = { owner: '', isGone: false };
    for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 1.5, longestPollMs)) {
      if (signal?.aborted) throw busy(rows.placeOf(name));
      if (await take(rows, name, owner, former)) return new Lease(rows, name, owner);
      const holder = await holderOf(rows, name);
      former = { owner: holder.owner, isGone: await isGoneFromHere(holder) };
      if (former.isGone || mayTakeOver(holder, rows)) continue;
      former = { owner: '', isGone: false };
      await sleep(clock, pollMs * (0.75 + 0.5 * random()), signal).catch(() => undefined);
    }
  }

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

  /** What can't be given up ends by itself. */
  async release(): Promise<void> {
    await this.rows.database
      .query(
        `UPDATE mailbearer.account SET lease_owner = NULL, lease_until = NULL WHERE name = $1 AND lease_owner = $2`,
        [this.name, this.owner],
      )
      .catch(() => undefined);
  }
}

/** Whose lease may be taken over; one that does not know how it stands with him looks for its end. */
interface Former {
  readonly owner: string;
  readonly isGone: boolean;
}

/** Who is about to be served does not wait behind another statement on this row, but looks again later. */
async function take(rows: Rows, name: string, owner: string, former: Former): Promise<boolean> {
  const taken = await rows.database.query(
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
  const [row] = await rows.database.query<{ owner: string; ended: boolean }>(
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

/** Of an owner on this machine it is known whether it lives; of any other, only that its time is over. */
async function isGoneFromHere({ owner }: Holder): Promise<boolean> {
  const identity = identityOf(owner);
  return identity !== undefined && (await isGone(identity));
}

function identityOf(owner: string): ReturnType<typeof parseIdentity> {
  try {
    return parseIdentity(JSON.parse(owner));
  } catch {
    return undefined;
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
