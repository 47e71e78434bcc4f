/** Which entry of `accounts` a token file's account has, at the cost of a look-up however many there are. */
import { basename, resolve } from 'node:path';
import type { AccountSettings, Config } from '../config/config.js';
import { isAddress } from '../config/values.js';
import type { AccountSource } from './resolve.js';

type Entry = readonly [string, AccountSettings];

interface SettingsIndex {
  readonly byPath: ReadonlyMap<string, Entry>;
  /** In lower case; of the entries without a file of their own. */
  readonly byKey: ReadonlyMap<string, Entry>;
  readonly byUser: ReadonlyMap<string, Entry>;
}

const indexes = new WeakMap<Config['accounts'], SettingsIndex>();

/** Made once: whoever has thousands of entries has as many files that look for theirs. */
function indexOf({ accounts }: Config): SettingsIndex {
  const known = indexes.get(accounts);
  if (known !== undefined) return known;
  const [byPath, byKey, byUser] = [
    new Map<string, Entry>(),
    new Map<string, Entry>(),
    new Map<string, Entry>(),
  ];
  for (const entry of accounts) {
    const [key, { tokenFile, user }] = entry;
    if (tokenFile !== undefined) addFirst(byPath, resolve(tokenFile), entry);
    else {
      addFirst(byKey, key.toLowerCase(), entry);
      if (user !== undefined) addFirst(byUser, user.toLowerCase(), entry);
    }
  }
  const index = { byPath, byKey, byUser };
  indexes.set(accounts, index);
  return index;
}

function addFirst(map: Map<string, Entry>, word: string, entry: Entry): void {
  if (!map.has(word)) map.set(word, entry);
}

/**
 * By `token_file`, else by the file's name, else by login name; an entry with a file of its own has no other.
 * Addresses are compared without case here, as everywhere; two keys that differ in nothing else are refused.
 */
export function findSettings(config: Config, source: AccountSource): Entry | undefined {
  const { byKey, byPath, byUser } = indexOf(config);
  const file = basename(source.tokenFile);
  const login = source.overrides?.user || (isAddress(file) ? file : source.saslPasswdUser);
  const word = login?.toLowerCase();
  return (
    byPath.get(resolve(source.tokenFile)) ??
    byKey.get(file.toLowerCase()) ??
    (word === undefined ? undefined : (byKey.get(word) ?? byUser.get(word)))
  );
}
