/**
 * The accounts in a PostgreSQL database, which any number of processes on any number of machines share: who they are,
 * the store of each, and word of each change. A row holds what a token file would, encrypted.
 */
import type { PostgresSettings } from '../../config/postgres.js';
import type { Clock } from '../../core/clock.js';
import { AppError } from '../../core/errors.js';
import { editFields, type TokenFields } from '../format.js';
import type { StoredToken, TokenStore } from '../token.js';
import { Database } from './database.js';
import { KeptAnswers } from './kept-answers.js';
import { Leases } from './lease.js';
import { createRowStore } from './row-store.js';
import { type AccountRow, Rows, type UnreadableRow } from './rows.js';
import { changeChannel, checkSchema, setUpStatement } from './schema.js';
import { SealKeys } from './seal-keys.js';

export type { AccountRow, UnreadableRow } from './rows.js';

export interface AccountDatabaseOptions {
  readonly settings: PostgresSettings;
  /** Where answers are kept that can't be written yet; undefined: nowhere. */
  readonly keptDirectory: string | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface AddOptions {
  readonly overwrite: boolean;
  /** By default now. Milliseconds since the epoch. */
  readonly writtenAt?: number;
}

export interface ChangeListener {
  /** Names of accounts that were changed, added or removed, by this process too. */
  readonly onChange: (names: readonly string[]) => void;
  /** Anything may have changed: nobody listened for a while. Where it rejects, all is tried again. */
  readonly onReturn: () => Promise<void>;
  readonly onLost: (problem: AppError) => void;
}

/** Many changes at once are told of together. */
const gatherMs = 50;

export class AccountDatabase {
  readonly rows: Rows;
  readonly #database: Database;
  readonly #options: AccountDatabaseOptions;
  readonly #leases: Leases;
  readonly #kept: KeptAnswers | undefined;
  #awaited: AppError | undefined;

  private constructor(options: AccountDatabaseOptions) {
    const { clock, keptDirectory, random, settings } = options;
    const keys = SealKeys.parse(settings.keys);
    this.#options = options;
    this.#database = new Database(settings, clock);
    this.rows = new Rows(this.#database, keys);
    this.#leases = new Leases({ rows: this.rows, clock, random, place: keptDirectory ?? '' });
    this.#kept =
      keptDirectory === undefined
        ? undefined
        : new KeptAnswers({ directory: keptDirectory, keys, clock, random });
  }

  /**
   * Throws AppError config-invalid (the keys), store-unavailable, store-refused or store-mismatch.
   * @param patient one that cannot be reached is opened all the same, and `awaited` says why; `watch` tells when it is there
   */
  static async open(options: AccountDatabaseOptions, patient = false): Promise<AccountDatabase> {
    const accounts = new AccountDatabase(options);
    try {
      await checkSchema(accounts.#database);
      return accounts;
    } catch (error) {
      if (patient && error instanceof AppError && error.code === 'store-unavailable') {
        accounts.#awaited = error;
        return accounts;
      }
      await accounts.close();
      throw error;
    }
  }

  /** Makes what is not there; harmless where it is. Throws AppError store-unavailable or store-mismatch. */
  static async setUp(options: AccountDatabaseOptions): Promise<void> {
    const accounts = new AccountDatabase(options);
    try {
      await accounts.#database.query(setUpStatement(options.settings.user));
      await checkSchema(accounts.#database);
    } finally {
      await accounts.close();
    }
  }

  /** Why nothing is known of it yet. */
  get awaited(): AppError | undefined {
    return this.#awaited;
  }

  get name(): string {
    return this.#database.name;
  }

  /** How an account is called in messages, as a file is by its path. */
  placeOf(name: string): string {
    return this.rows.placeOf(name);
  }

  /** All, or those of these names. Throws AppError store-unavailable. */
  list(names?: readonly string[]): Promise<(AccountRow | UnreadableRow)[]> {
    return this.rows.read(names);
  }

  /** Throws AppError token-invalid. */
  token(row: AccountRow): StoredToken {
    return this.rows.token(row);
  }

  missing(name: string): AppError {
    return this.rows.missing(name);
  }

  store(name: string): TokenStore {
    const { clock } = this.#options;
    return createRowStore({ name, rows: this.rows, leases: this.#leases, kept: this.#kept, clock });
  }

  /** Puts a token file's text into the database. False when there is one, which stays unless it may be replaced. */
  async add(name: string, text: string, { overwrite, writtenAt }: AddOptions): Promise<boolean> {
    const now = writtenAt ?? this.#options.clock.now();
    for (;;) {
      if (await this.rows.add(name, text, now)) return true;
      if (!overwrite) return false;
      const [row] = await this.rows.read([name]);
      if (row !== undefined && (await this.rows.replace(name, row.version, text, now)) !== undefined)
        return true;
    }
  }

  /**
   * The row that a sign-in would be written into. Throws AppError token-unreadable for one whose key is missing: nobody
   * knows what else is in it.
   */
  async rowToSignIn(name: string): Promise<AccountRow | UnreadableRow | undefined> {
    const [row] = await this.rows.read([name]);
    if (row !== undefined && 'problem' in row && row.problem.code === 'token-unreadable') throw row.problem;
    return row;
  }

  /**
   * Puts the fields of a new sign-in into the row, in which all else stays, or makes one. False when there is one that may not
   * be replaced. Throws as `rowToSignIn` does.
   */
  async signIn(name: string, fields: TokenFields, overwrite: boolean): Promise<boolean> {
    const place = this.placeOf(name);
    for (;;) {
      const row = await this.rowToSignIn(name);
      if (row !== undefined && !overwrite) return false;
      // A damaged one has nothing worth keeping.
      const text = editFields(row !== undefined && 'text' in row ? row.text : '{}', fields, place);
      const now = this.#options.clock.now();
      const written =
        row === undefined ? this.rows.add(name, text, now) : this.rows.replace(name, row.version, text, now);
      if (await written) return true;
    }
  }

  /** Puts into place what a process on this machine had to leave, as far as nobody else has the account now. */
  async finishKeptAnswers(): Promise<void> {
    for (const name of (await this.#kept?.accounts()) ?? []) {
      const noPatience = AbortSignal.timeout(1_000);
      await this.store(name)
        .exclusively(() => Promise.resolve(), noPatience)
        .catch(async (error: unknown) => {
          if (error instanceof AppError && error.code === 'token-missing') await this.#kept?.forget(name);
        });
    }
  }

  watch({ onChange, onLost, onReturn }: ChangeListener): void {
    const { clock } = this.#options;
    const names = new Set<string>();
    const tell = () => {
      const gathered = [...names];
      names.clear();
      onChange(gathered);
    };
    this.#database.listen(changeChannel, {
      onListening: async () => {
        // It may be another than the one that went away.
        await checkSchema(this.#database);
        if (this.#awaited !== undefined) await this.finishKeptAnswers();
        this.#awaited = undefined;
        await this.#leases.settle();
        await onReturn();
      },
      onLost,
      onNotice(name) {
        if (names.size === 0) clock.setTimer(gatherMs, tell, { unref: true });
        names.add(name);
      },
    });
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}
