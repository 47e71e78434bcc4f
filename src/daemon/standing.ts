/** How the service stands, in one sentence that names no mailbox: every user of the machine may read it. */
import { problemOf } from '../accounts/account.js';
import type { ListenAddress } from '../config/config.js';
import { formatListenAddress } from '../config/values.js';
import type { AppError } from '../core/errors.js';
import type { AccountInService } from '../refresh/member.js';

export interface Standing {
  readonly addresses: readonly ListenAddress[];
  readonly accounts: readonly AccountInService[];
  /** Why the database of the accounts cannot be used now. */
  readonly away: AppError | undefined;
  /** Whether it serves by the configuration that is on disk. */
  readonly isCurrent: boolean;
}

/** `Relays mail at 127.0.0.1:2525; 3 accounts, 1 in trouble (see mailbearer status)` */
export function describeStanding({ accounts, addresses, away, isCurrent }: Standing): string {
  const places = addresses.map(formatListenAddress);
  const work = places.length === 0 ? 'Keeps tokens fresh' : `Relays mail at ${places.join(', ')}`;
  // One that only lacks a server to send through is well: its token is kept fresh.
  const inTrouble = accounts.filter(({ account, tokens }) =>
    tokens === undefined ? problemOf(account) !== undefined : tokens.problem !== undefined,
  ).length;
  const count = `${accounts.length} ${accounts.length === 1 ? 'account' : 'accounts'}`;
  const trouble = inTrouble === 0 ? '' : `, ${inTrouble} in trouble (see mailbearer status)`;
  const database = away === undefined ? '' : `; the database cannot be used (see the log)`;
  const change = isCurrent ? '' : '; a changed configuration was refused (see the log)';
  return `${work}; ${count}${trouble}${database}${change}`;
}
