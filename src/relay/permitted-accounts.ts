/**
 * The accounts that one port may use. Mail for another is answered as if there were no such account, so that a
 * client cannot find out what else is sent from here; the log names it.
 */
import type { AccountDirectory } from '../refresh/token-source.js';

/** @param refused gets the account that a sender would have had */
export function permit(
  directory: AccountDirectory,
  names: readonly string[],
  refused: (account: string) => void,
): AccountDirectory {
  const permitted = new Set(names.map((name) => name.toLowerCase()));
  return {
    lookup: (sender) => {
      const found = directory.lookup(sender);
      if (found.kind !== 'usable' && found.kind !== 'broken') return found;
      const { name } = found.kind === 'usable' ? found.live.account : found.account;
      if (permitted.has(name.toLowerCase())) return found;
      refused(name);
      return { kind: 'unknown' };
    },
    get upstreams() {
      return directory.upstreams;
    },
  };
}
