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

/**
 * Those whose mail may be meant for this server: a broken account whose server is not known is one of them, for its mail
 * must go through no other.
 */
export function accountsAt(
  accounts: Iterable<AnyAccount>,
  { host, port }: ServerName,
): readonly AnyAccount[] {
  return [...accounts].filter((account) => {
    const server = serverOf(account);
    if (server === undefined) return isBroken(account);
    return server.host.toLowerCase() === host.toLowerCase() && (port ?? server.port) === server.port;
  });
}

/** The same for all spellings of one server. */
export function upstreamKey({ host, port }: Pick<SmtpHost, 'host' | 'port'>): string {
  return `${host.toLowerCase()}:${port}`;
}
