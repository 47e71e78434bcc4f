/**
 * The token of one account in its row: read, and refreshed under a lease. A write counts only if the row is still what it
 * was made from, whoever holds the lease by then. So the answer that an owner gets late, after its lease was taken over,
 * is written if nobody has written since, for then it is the newest there is; and dropped by refresh-once.ts if the row
 * has another sign-in or the answer that somebody else got.
 */
import type { Clock } from '../../core/clock.js';
import { AppError } from '../../core/errors.js';
import { Secret } from '../../core/secret.js';
import { mergeToken } from '../format.js';
import type { LockedStore, NewToken, Reservation, StoredToken, TokenStore } from '../token.js';
import type { KeptAnswers, Space } from './kept-answers.js';
import type { Lease, Leases } from './lease.js';
import type { AccountRow, Rows } from './rows.js';

export interface RowStoreOptions {
  readonly name: string;
  readonly rows: Rows;
  readonly leases: Leases;
  /** Undefined: nothing is kept on this machine. */
  readonly kept: KeptAnswers | undefined;
  readonly clock: Clock;
}

export function createRowStore(options: RowStoreOptions): TokenStore {
  const { leases, name, rows } = options;
  return {
    read: async () => rows.token(await rows.readOne(name)),
    async exclusively(work, signal) {
      const lease = await leases.take(name, signal);
      try {
        await finishKeptAnswer(options);
        return await work(new LockedRow(options, lease));
      } finally {
        await lease.release();
      }
    },
  };
}

class LockedRow implements LockedStore {
  readonly #options: RowStoreOptions;
  readonly #lease: Lease;
  /** As it was looked at last. */
  #seen: AccountRow | undefined;

  constructor(options: RowStoreOptions, lease: Lease) {
    this.#options = options;
    this.#lease = lease;
  }

  async read(): Promise<StoredToken> {
    const { name, rows } = this.#options;
    this.#seen = undefined;
    const row = await rows.readOne(name);
    const stored = rows.token(row);
    this.#seen = row;
    return stored;
  }

  async reserve(): Promise<Reservation> {
    const { kept, name, rows } = this.#options;
    const basis = this.#seen ?? (await rows.readOne(name));
    const used = rows.token(basis).refreshToken ?? new Secret('');
    const space = await kept?.reserve(name);
    try {
      // Last, because the question follows at once: it must end before the lease does.
      await this.#lease.renew(basis.version);
    } catch (error) {
      await space?.release();
      throw error;
    }
    return {
      keep: async (token) => space?.keep({ token, used }),
      commit: (token) => this.#commit(token),
      release: () => release(space),
    };
  }

  async remove(): Promise<void> {
    const { kept, name, rows } = this.#options;
    await rows.remove(name);
    await kept?.forget(name);
  }

  /** Into what was looked at last, so that nothing which nobody has looked at is written over. */
  async #commit(token: NewToken): Promise<StoredToken> {
    const { clock, kept, name, rows } = this.#options;
    const basis = this.#seen ?? (await rows.readOne(name));
    const place = rows.placeOf(name);
    const text = mergeToken(basis.text, token, place);
    const writtenAt = clock.now();
    const version = await rows.replace(name, basis.version, text, writtenAt);
    if (version === undefined) {
      await rows.readOne(name);
      throw new AppError('token-unwritable', `cannot write ${place}: it was changed at the same time`, {
        hint: 'nothing to do: it is looked at, and written, again',
      });
    }
    await kept?.forget(name);
    return rows.token({ name, version, text, writtenAt });
  }
}

async function release(space: Space | undefined): Promise<void> {
  await space?.release();
}

/** For whoever has the lease. */
async function finishKeptAnswer({ clock, kept, name, rows }: RowStoreOptions): Promise<void> {
  const answer = await kept?.find(name);
  if (answer === undefined) return;
  const row = await rows.readOne(name);
  const current = rows.token(row).refreshToken ?? new Secret('');
  if (current.equals(answer.used)) {
    const text = mergeToken(row.text, answer.token, rows.placeOf(name));
    const version = await rows.replace(name, row.version, text, clock.now());
    // Changed at the same moment: it is looked at again when the lease is next had.
    if (version === undefined) return;
  }
  await kept?.forget(name);
}
