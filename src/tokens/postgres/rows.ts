/** Rows of the table `account`: how they are read and written, each in one statement, sealed on the way. */
import { AppError } from '../../core/errors.js';
import { storedToken } from '../read-file.js';
import type { StoredToken } from '../token.js';
import type { Database } from './database.js';
import type { SealKeys } from './seal-keys.js';

/** What a row says, read. */
export interface AccountRow {
  readonly name: string;
  /** Changes whenever the content does. */
  readonly version: string;
  /** As it would stand in a token file. */
  readonly text: string;
  /** Milliseconds since the epoch, by the clock of whoever wrote it. */
  readonly writtenAt: number;
}

/** A row that can't be read: its key is missing, or it was changed by somebody who has none. */
export interface UnreadableRow {
  readonly name: string;
  readonly version: string;
  readonly problem: AppError;
}

export interface RawRow extends Record<string, unknown> {
  readonly name: string;
  readonly version: string;
  readonly key_id: string;
  readonly sealed: Buffer;
  readonly written_at: string;
}

const column = 'sealed';
const columns = 'name, version, key_id, sealed, written_at';

export class Rows {
  constructor(
    readonly database: Database,
    readonly keys: SealKeys,
  ) {}

  /** How an account is called in messages, as a file is by its path. */
  placeOf(name: string): string {
    return `${this.database.name}/${name}`;
  }

  /** All, or those of these names, by name. */
  async read(names?: readonly string[]): Promise<(AccountRow | UnreadableRow)[]> {
    const rows =
      names === undefined
        ? await this.database.query<RawRow>(`SELECT ${columns} FROM mailbearer.account ORDER BY name`)
        : await this.database.query<RawRow>(
            `SELECT ${columns} FROM mailbearer.account WHERE name = ANY($1) ORDER BY name`,
            [names],
          );
    return rows.map((row) => this.open(row));
  }

  /** Of all, by name: what is cheap to compare. */
  async versions(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.database.query<{ name: string; version: string }>(
      'SELECT name, version FROM mailbearer.account',
    );
    return new Map(rows.map(({ name, version }) => [name, version]));
  }

  /** Throws AppError token-missing, or why it can't be read. */
  async readOne(name: string): Promise<AccountRow> {
    const [row] = await this.read([name]);
    if (row === undefined) throw this.missing(name);
    if ('problem' in row) throw row.problem;
    return row;
  }

  open({ key_id, name, sealed, version, written_at }: RawRow): AccountRow | UnreadableRow {
    try {
      const text = this.keys.open({ keyId: key_id, bytes: sealed }, { account: name, column });
      return { name, version, text, writtenAt: Number(written_at) };
    } catch (error) {
      if (error instanceof AppError) return { name, version, problem: error };
      throw error;
    }
  }

  /** The new version; undefined when the row is no longer at `version`. */
  async replace(name: string, version: string, text: string, writtenAt: number): Promise<string | undefined> {
    const { bytes, keyId } = this.keys.seal(text, { account: name, column });
    const [row] = await this.database.query<{ version: string }>(
      `UPDATE mailbearer.account
       SET version = nextval('mailbearer.account_version'), key_id = $3, sealed = $4, written_at = $5
       WHERE name = $1 AND version = $2 RETURNING version`,
      [name, version, keyId, bytes, writtenAt],
    );
    return row?.version;
  }

  /** False when there is one of this name. */
  async add(name: string, text: string, writtenAt: number): Promise<boolean> {
    const { bytes, keyId } = this.keys.seal(text, { account: name, column });
    const added = await this.database.query(
      `INSERT INTO mailbearer.account (name, key_id, sealed, written_at) VALUES ($1, $2, $3, $4)
       ON CONFLICT (name) DO NOTHING RETURNING name`,
      [name, keyId, bytes, writtenAt],
    );
    return added.length > 0;
  }

  async remove(name: string): Promise<void> {
    await this.database.query('DELETE FROM mailbearer.account WHERE name = $1', [name]);
  }

  /** Seals with the current key what another one has sealed, and nothing else changes. The number of rows. */
  async rekey(): Promise<number> {
    const stale = await this.database.query<RawRow>(
      `SELECT ${columns} FROM mailbearer.account WHERE key_id <> $1 ORDER BY name`,
      [this.keys.currentId],
    );
    let count = 0;
    for (const raw of stale) {
      const row = this.open(raw);
      if ('problem' in row) throw row.problem;
      const { bytes, keyId } = this.keys.seal(row.text, { account: row.name, column });
      const changed = await this.database.query(
        // Who writes at the same time seals with the new key too, or is found at the next look.
        `UPDATE mailbearer.account SET key_id = $3, sealed = $4 WHERE name = $1 AND version = $2 RETURNING name`,
        [row.name, row.version, keyId, bytes],
      );
      count += changed.length;
    }
    return count;
  }

  /** How many rows each key has sealed. */
  async keysInUse(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.database.query<{ key_id: string; count: string }>(
      'SELECT key_id, count(*) AS count FROM mailbearer.account GROUP BY key_id ORDER BY key_id',
    );
    return new Map(rows.map(({ count, key_id }) => [key_id, Number(count)]));
  }

  /** Throws AppError token-invalid. */
  token({ name, text, version, writtenAt }: AccountRow): StoredToken {
    return { ...storedToken(text, writtenAt, this.placeOf(name)), version };
  }

  missing(name: string): AppError {
    return new AppError('token-missing', `${this.database.name} has no account ${name}`, {
      hint: `mailbearer get-token PROVIDER ${name}`,
    });
  }
}
