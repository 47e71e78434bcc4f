/**
 * Which PostgreSQL server and database keep the accounts: the URL of `token_store`, and what it must not hold. A connection
 * that leaves the machine is encrypted and verified, or refused.
 */
import type { Secret } from '../core/secret.js';
import type { TokenStoreName } from './config.js';
import { isLoopbackHost, type Parsed } from './values.js';

/** What the URL says. */
export interface PostgresAddress {
  /** A name, an address without brackets, or the absolute path of the directory with the server's socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

export interface PostgresSettings extends PostgresAddress {
  readonly password: Secret | undefined;
  /** As it stands in its file; tokens/seal-keys.ts reads it. */
  readonly keys: Secret;
  /** False: in clear, which is for this machine only. True: encrypted, chain and name of the server verified. */
  readonly tls: boolean;
  readonly caFile: string | undefined;
}

interface RawPostgres {
  readonly password?: Secret | undefined;
  readonly keys?: Secret | undefined;
  readonly tls?: 'verify-full' | 'off' | undefined;
  readonly ca_file?: string | undefined;
}

const usualPort = 5432;
const example = '"postgres://mailbearer@db.example.com/mailbearer"';

export function parseTokenStore(text: string): Parsed<TokenStoreName | PostgresAddress> {
  if (text === 'file' || text === 'keyring') return { value: text };
  if (/^postgres(ql)?:\/\//.test(text)) return parseAddress(text);
  return { problem: `expected "file", "keyring" or a URL such as ${example}` };
}

/** The password has a place of its own, so that this URL can be shown. A socket: `postgres://user@%2Frun%2Fpostgresql/db`. */
function parseAddress(text: string): Parsed<PostgresAddress> {
  if (!URL.canParse(text)) return { problem: `expected a URL such as ${example}` };
  const url = new URL(text);
  if (url.password !== '')
    return {
      problem: 'must hold no password: name the place where it stands in "postgres": { "password": … }',
    };
  if (url.search !== '' || url.hash !== '')
    return { problem: 'takes no parameters; TLS and keys are set in "postgres"' };
  const [user, host, database] = [url.username, url.hostname, url.pathname.slice(1)].map(decodeURIComponent);
  if (!user || !host || !database || database.includes('/'))
    return { problem: `must name role, server and database, as ${example} does` };
  const port = url.port === '' ? usualPort : Number(url.port);
  return { value: { host: host.replace(/^\[(.*)\]$/, '$1'), port, user, database } };
}

/** Undefined settings where the store is none; `problem` names the key of `postgres` that is wrong or missing. */
export function postgresSettings(
  store: TokenStoreName | PostgresAddress | undefined,
  raw: RawPostgres,
): { readonly value: PostgresSettings | undefined } | { readonly key: string; readonly problem: string } {
  if (typeof store !== 'object') return { value: undefined };
  const isLocal = store.host.startsWith('/') || isLoopbackHost(store.host);
  const tls = raw.tls === undefined ? !isLocal : raw.tls === 'verify-full';
  if (!tls && !isLocal)
    return {
      key: 'tls',
      problem: '"off" would send tokens in clear; it is for a server on this machine only',
    };
  if (tls && store.host.startsWith('/')) return { key: 'tls', problem: 'there is no TLS on a local socket' };
  if (raw.keys === undefined)
    return { key: 'keys', problem: 'is missing: say where the keys stand that tokens are encrypted with' };
  return { value: { ...store, password: raw.password, keys: raw.keys, tls, caFile: raw.ca_file } };
}

/** How the database is called in messages, and its accounts after it: no role, no secret. */
export function postgresName({ database, host, port }: PostgresAddress): string {
  const at = host.startsWith('/') ? encodeURIComponent(host) : host.includes(':') ? `[${host}]` : host;
  return `postgres://${at}${port === usualPort ? '' : `:${port}`}/${database}`;
}
