/**
 * PostgreSQL of a test's own: Debian's server in a temporary directory, on a free port of this machine and a socket in that
 * directory. It does not run as root, so as root it runs as Debian's user postgres.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { freePort, run, type RunningProgram, startProgram, temporaryDirectory } from './process.js';

const versions = '/usr/lib/postgresql';
const program = (name: string) => join(versions, readdirSync(versions).toSorted().at(-1)!, 'bin', name);
const asRoot = process.getuid?.() === 0;

/** Whether to skip; under CI it throws instead, since a run that tested nothing would deceive. */
export function postgresMissing(): boolean {
  if (existsSync(versions)) return false;
  const lack = 'apt-get install --no-install-recommends postgresql';
  if (process.env['CI']) throw new Error(`tests with PostgreSQL cannot run: ${lack}`);
  process.stderr.write(`tests with PostgreSQL are skipped: ${lack}\n`);
  return true;
}

export interface PostgresOptions {
  /** Certificate and key in PEM: TLS is offered. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/** The role that owns everything, and may all. */
const owner = 'owner';
export const ownerPassword = 'owner+password';

export class PostgresServer {
  #program: RunningProgram | undefined;
  readonly #more: string[] = [];

  private constructor(
    readonly directory: string,
    readonly port: number,
    private readonly remove: () => Promise<void>,
  ) {}

  static async start({ tls }: PostgresOptions = {}): Promise<PostgresServer> {
    const { path, remove } = await temporaryDirectory();
    if (asRoot) await chown(path, idOf('-u'), idOf('-g'));
    const passwordFile = join(path, 'password');
    await writeFile(passwordFile, ownerPassword, { mode: 0o644 });
    const server = new PostgresServer(path, await freePort(), remove);
    const auth = ['--auth-local=trust', '--auth-host=scram-sha-256', `--pwfile=${passwordFile}`];
    await run(
      ...asUser(program('initdb'), ['--no-sync', `--username=${owner}`, '-E', 'UTF8', ...auth, server.#data]),
    );
    if (tls !== undefined)
      for (const [name, content] of [
        ['server.crt', tls.certificate],
        ['server.key', tls.key],
      ] as const) {
        await writeFile(join(server.#data, name), content, { mode: 0o600 });
        if (asRoot) await chown(join(server.#data, name), idOf('-u'), idOf('-g'));
      }
    if (tls !== undefined) server.#more.push('-c', 'ssl=on');
    await server.begin();
    return server;
  }

  get #data(): string {
    return join(this.directory, 'data');
  }

  /** Again, after `stop` or `kill`. */
  async begin(): Promise<void> {
    const settings = [`port=${this.port}`, 'listen_addresses=127.0.0.1', 'fsync=off', 'max_connections=100'];
    const args = [
      '-D',
      this.#data,
      '-k',
      this.directory,
      ...settings.flatMap((each) => ['-c', each]),
      ...this.#more,
    ];
    const [command, all] = asUser(program('postgres'), args);
    this.#program = startProgram(command, all, { name: 'postgres' });
    await this.#program.waitForOutput(/ready to accept connections/);
  }

  /** Its sessions are cut. */
  async stop(): Promise<void> {
    // "Fast" instead of waiting for the clients.
    this.#program?.signal('SIGINT');
    await this.#program?.exited;
  }

  async end(): Promise<void> {
    await this.stop();
    await this.remove();
  }

  /** As the owner, over the socket. */
  async sql<R extends object = Record<string, unknown>>(text: string, database = 'postgres'): Promise<R[]> {
    const client = new pg.Client({ host: this.directory, port: this.port, user: owner, database });
    await client.connect();
    try {
      const result = await client.query(text);
      return result.rows as R[];
    } finally {
      await client.end();
    }
  }

  /** A database with this name, and the configuration's keys for it. */
  async database(name: string, directory: string): Promise<{ token_store: string; postgres: object }> {
    await this.sql(`CREATE DATABASE ${name}`);
    await mkdir(directory, { recursive: true });
    const [password, keys] = [join(directory, 'password'), join(directory, 'keys')];
    await writeFile(password, ownerPassword);
    await writeFile(keys, `k1 ${randomBytes(32).toString('base64')}\n`);
    return {
      token_store: `postgres://${owner}@127.0.0.1:${this.port}/${name}`,
      postgres: { password: { file: password }, keys: { file: keys } },
    };
  }
}

function asUser(command: string, args: readonly string[]): [string, string[]] {
  if (!asRoot) return [command, [...args]];
  return ['setpriv', ['--reuid=postgres', '--regid=postgres', '--init-groups', command, ...args]];
}

function idOf(which: '-u' | '-g'): number {
  return Number(execFileSync('id', [which, 'postgres'], { encoding: 'utf8' }));
}
