/** Who hears how accounts fare, and has no say in it: what it does with that never holds up a refresh. */
import type { Account, BrokenAccount } from '../accounts/account.js';
import type { StoredToken } from '../tokens/token.js';
import type { RefreshResult } from './refresh-once.js';

/** Must not throw. */
export interface RefreshWitness {
  /** The store holds this, whoever wrote it; told again whenever it is looked at. */
  holds(account: Account, stored: StoredToken): void;
  /** @param ms how long it took */
  ended(account: Account, result: RefreshResult, ms: number): void;
  /** The account cannot be used at all, for its file or its configuration is at fault. */
  broken(account: BrokenAccount): void;
}
