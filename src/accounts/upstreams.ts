/** The servers that accounts submit to. */
import type { SmtpHost } from '../providers/provider.js';
import { type AnyAccount, canSubmit, isBroken, serverOf } from './account.js';

/** A server as a mail program names it. */
export interface ServerName {
  readonly host: string;
  /** Undefined: any. */
  readonly port?: number | undefined;
}

/** Each server once. An account that cannot be used has none. */
export function upstreamsOf(accounts: Iterable<AnyAccount>): readonly SmtpHost[] {
  const servers = new Map<string, SmtpHost>();
  for (const account of accounts) {
    if (isBroken(account) || !canSubmit(account)) continue;
    const { smtp } = account.submission;
    servers.set(upstreamKey(smtp), smtp);
  }
  return [...servers.values()];
}

/** The accounts whose mail may be meant for a server, in constant time. */
export type ServerIndex = (server: ServerName) => readonly AnyAccount[];

/**
 * To be built anew whenever the accounts change. A broken account whose server is not known is at every server, behind
 * those that are known to be there: its mail must go through no other.
 */
export function indexServers(accounts: readonly AnyAccount[]): ServerIndex {
  const anywhere = accounts.filter((account) => isBroken(account) && serverOf(account) === undefined);
  const places = new Map<string, AnyAccount[]>();
  for (const account of accounts) {
    const server = serverOf(account);
    if (server === undefined) continue;
    for (const place of [placeOf(server), placeOf({ host: server.host })]) {
      const there = places.get(place);
      if (there === undefined) places.set(place, [account]);
      else there.push(account);
    }
  }
  for (const there of places.values()) for (const account of anywhere) there.push(account);
  return (server) => places.get(placeOf(server)) ?? anywhere;
}

function placeOf({ host, port }: ServerName): string {
  return `${host.toLowerCase()} ${port ?? ''}`;
}

/** The same for all spellings of one server. */
export function upstreamKey({ host, port }: Pick<SmtpHost, 'host' | 'port'>): string {
  return `${host.toLowerCase()}:${port}`;
}
