/** The servers that accounts submit to. */
import type { SmtpHost } from '../providers/provider.js';
import { type AnyAccount, canSubmit, isBroken } from './account.js';

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

/** The same for all spellings of one server. */
export function upstreamKey({ host, port }: Pick<SmtpHost, 'host' | 'port'>): string {
  return `${host.toLowerCase()}:${port}`;
}
