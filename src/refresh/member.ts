/** An account in service, with what keeps its token fresh; or one that cannot be used, and still owns its senders. */
import { type Account, type AnyAccount, type BrokenAccount, canSubmit } from '../accounts/account.js';
import { toAppError } from '../core/errors.js';
import type { StoredToken } from '../tokens/token.js';
import type { Refresher } from './refresher.js';
import type { Lookup } from './token-source.js';

export type Member =
  | {
      readonly kind: 'live';
      readonly account: Account;
      readonly tokens: Refresher;
      stored: Pick<StoredToken, 'overrides' | 'version'>;
    }
  | { readonly kind: 'broken'; readonly account: BrokenAccount };

/** The same for who only looks. */
export interface AccountInService {
  readonly account: AnyAccount;
  /** None for a broken account. */
  readonly tokens?: Pick<Refresher, 'state' | 'problem' | 'status'>;
}

export function accountOf(member: Member): AnyAccount {
  return member.account;
}

export function lookupOf(member: Member): Lookup {
  if (member.kind === 'broken') return { kind: 'broken', account: member.account };
  const { account, tokens } = member;
  if (canSubmit(account)) return { kind: 'usable', live: { account, tokens } };
  const { name, senders, submission, tokenFile } = account;
  return { kind: 'broken', account: { name, senders, tokenFile, problem: toAppError(submission) } };
}
