/**
 * The connection to PostgreSQL: a few sessions that are opened when they are needed, and one that listens. The only file
 * that knows the package. Promises that a failure says what is wrong with the server, the rights or the schema, that what
 * can't be reached is known within seconds, and that a process may end while sessions are idle.
 */
import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import type { Client, ClientConfig, Pool } from 'pg';
import { type PostgresSettings, postgresName } from '../../config/postgres.js';
import { type Clock, sleep } from '../../core/clock.js';
import { AppError, describeCause, systemErrorCode } from '../../core/errors.js';
import { Turns } from './turns.js';

type Row = Record<string, unknown>;
type Values = readonly (string | number | boolean | Buffer | readonly string[] | null)[];

export interface Listener {
  /** @param payload what came with the notice */
  readonly onNotice: (payload: string) => void;
  /**
   * Notices may have been missed: when the listening begins, and whenever it begins again. Where it rejects, the database
   * is of no use yet, and all is tried again.
   */
  readonly onListening: () => Promise<void>;
  /** Told once for each interruption, and again when it goes on for a reason of another kind. */
  readonly onLost: (problem: AppError) => void;
}

/** Refreshes are few and short; more would only be more for the server. */
const sessions = 4;
const connectPatienceMs = 5_000;
const queryPatienceMs = 10_000;
const listenAgainAfterMs = 1_000;
/** A listening session that has died without a word is found out so. */
const askEveryMs = 15_000;

export class Database {
  /** How it is called in messages. */
  readonly name: string;
  readonly #settings: PostgresSettings;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #turns = new Turns(sessions);
  #pool: Promise<Pool> | undefined;
  #upSince: number | undefined;
  readonly #listening = new Set<Promise<void>>();

  constructor(settings: PostgresSettings, clock: Clock) {
    this.name = postgresName(settings);
    this.#settings = settings;
    this.#clock = clock;
  }

  /** How long every question has been answered by now; 0 when the last was not. */
  get upForMs(): number {
    return this.#upSince === undefined ? 0 : this.#clock.monotonic() - this.#upSince;
  }

  /** One statement, which is a transaction of its own. Throws AppError store-unavailable, store-refused or store-mismatch. */
  query<R extends Row>(text: string, values: Values = []): Promise<readonly R[]> {
    return this.#turns.run(true, () => this.#query<R>(text, values));
  }

  /** The same, when nobody else is in a hurry: for whoever holds no lease. */
  queryInTurn<R extends Row>(text: string, values: Values = []): Promise<readonly R[]> {
    return this.#turns.run(false, () => this.#query<R>(text, values));
  }

  async #query<R extends Row>(text: string, values: Values): Promise<readonly R[]> {
    const askedAt = this.#clock.monotonic();
    try {
      const pool = await this.#open();
      const { rows } = await pool.query<R>(text, [...values]);
      this.#upSince ??= askedAt;
      return rows;
    } catch (error) {
      const failure = this.#failure(error);
      if (isAway(failure)) this.#turns.failWaiting(failure);
      throw failure;
    }
  }

  /** Until `close`. */
  listen(channel: string, listener: Listener): void {
    const listening = this.#keepListening(channel, listener);
    this.#listening.add(listening);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#listening);
    const pool = await this.#pool?.catch(() => undefined);
    await pool?.end().catch(() => undefined);
  }

  async #keepListening(channel: string, listener: Listener): Promise<void> {
    const { signal } = this.#closing;
    for (let told: string | undefined; !signal.aborted;) {
      try {
        await this.#listenOnce(channel, listener, () => (told = undefined));
      } catch (error) {
        if (signal.aborted) return;
        const problem = this.#failure(error);
        if (told !== problem.code) listener.onLost(problem);
        told = problem.code;
      }
      await sleep(this.#clock, listenAgainAfterMs, signal).catch(() => undefined);
    }
  }

  /** Rejects when the session ends, or when it can't be begun. */
  async #listenOnce(channel: string, listener: Listener, begun: () => void): Promise<void> {
    const { Client } = await loadPackage();
    const client = new Client(await this.#clientConfig());
    const { signal } = this.#closing;
    const ended = new Promise<never>((_, reject) => {
      client.on('error', reject);
      client.on('end', () => reject(new Error('the connection was closed')));
      signal.addEventListener('abort', () => reject(new Error('closing')), { once: true });
    });
    ended.catch(() => undefined);
    try {
      await Promise.race([client.connect(), ended]);
      client.on('notification', ({ payload }) => listener.onNotice(payload ?? ''));
      await client.query(`LISTEN ${channel}`);
      await listener.onListening();
      begun();
      await Promise.race([ended, this.#ask(client)]);
    } finally {
      await Promise.race([client.end().catch(() => undefined), sleep(this.#clock, 1_000)]);
    }
  }

  async #ask(client: Client): Promise<never> {
    for (;;) {
      await sleep(this.#clock, askEveryMs, this.#closing.signal);
      await client.query('SELECT 1');
    }
  }

  #open(): Promise<Pool> {
    this.#pool ??= this.#makePool().catch((error: unknown) => {
      this.#pool = undefined;
      throw error;
    });
    return this.#pool;
  }

  async #makePool(): Promise<Pool> {
    const { Pool } = await loadPackage();
    const pool = new Pool({
      ...(await this.#clientConfig()),
      max: sessions,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: true,
    });
    // A session that dies while nobody uses it: the next question opens another.
    pool.on('error', () => (this.#upSince = undefined));
    return pool;
  }

  async #clientConfig(): Promise<ClientConfig> {
    const { caFile, database, host, password, port, tls, user } = this.#settings;
    const ca = caFile === undefined ? undefined : await readCa(caFile);
    return {
      host,
      port,
      user,
      database,
      ...(password !== undefined && { password: password.reveal() }),
      // The name is checked even where it is an address.
      ssl: tls ? { rejectUnauthorized: true, host, ...(ca !== undefined && { ca }) } : false,
      connectionTimeoutMillis: connectPatienceMs,
      query_timeout: queryPatienceMs,
      keepAlive: true,
      application_name: 'mailbearer',
    };
  }

  #failure(error: unknown): AppError {
    if (error instanceof AppError) return error;
    const { name } = this;
    // A name with several addresses fails with all of their failures.
    const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
    const words = describeCause(first);
    // Classes and codes of PostgreSQL's appendix A.
    const code = systemErrorCode(error) ?? '';
    if (code === '42P01' || code === '3F000' || code === '42703')
      return new AppError('store-mismatch', `${name} has no accounts of mailbearer: ${words}`, {
        hint: 'set it up: mailbearer store init',
        cause: error,
      });
    if (code === '42501')
      return new AppError(
        'store-mismatch',
        `the role ${this.#settings.user} lacks rights in ${name}: ${words}`,
        {
          hint: 'give them, as its owner: mailbearer store init --print | psql',
          cause: error,
        },
      );
    this.#upSince = undefined;
    if (code.startsWith('28') || code === '3D000')
      return new AppError('store-refused', `${name} refuses the role ${this.#settings.user}: ${words}`, {
        hint:
          code === '3D000'
            ? 'make the database, or name the right one in "token_store"'
            : 'see "password" in "postgres", that the role may log in, and that pg_hba.conf lets this host in',
        cause: error,
      });
    return new AppError('store-unavailable', `${name} cannot be reached: ${words}`, {
      hint: 'see that PostgreSQL runs there, takes connections (listen_addresses), and no firewall is between',
      cause: error,
    });
  }
}

/** Whether a database cannot be used now, and nothing is wrong with what stands in it. */
export function isAway({ code }: AppError): boolean {
  return code === 'store-unavailable' || code === 'store-refused';
}

async function readCa(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('config-invalid', `postgres.ca_file: ${describeCause(cause)}`, {
      hint: `let this user read it: ls -l ${path}`,
      cause,
    });
  });
}

async function loadPackage(): Promise<Pick<typeof pg, 'Client' | 'Pool'>> {
  try {
    return (await import('pg')).default;
  } catch (cause) {
    throw new AppError('store-mismatch', `the package pg cannot be loaded: ${describeCause(cause)}`, {
      hint: 'npm install --global pg, or install mailbearer with its optional packages',
      cause,
    });
  }
}
