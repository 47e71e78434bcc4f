/** Where the relay gets tokens, as the relay sees it. */
import type { AnyAccount, BrokenAccount, SubmittingAccount } from '../accounts/account.js';
import type { AppError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import type { SmtpHost } from '../providers/provider.js';

export interface AccessToken {
  readonly secret: Secret;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface TokenSource {
  /**
   * A token with enough life left for this account's server, refreshed first when it must be. Throws AppError
   * (token-*, refresh-transient, grant-dead, client-rejected) when there is none; the caller defers the message.
   */
  accessToken(): Promise<AccessToken>;
  /**
   * The server refused this token: another one, refreshed now unless that has happened already. One refresh serves
   * all who ask. Undefined when no refresh would help: the token is only a moment old, or refreshing fails.
   */
  renew(refused: AccessToken): Promise<AccessToken | undefined>;
}

export interface LiveAccount {
  readonly account: SubmittingAccount;
  readonly tokens: TokenSource;
}

/** Which account submits the mail of a sender. */
export type Lookup =
  | { readonly kind: 'usable'; readonly live: LiveAccount }
  /** Known by name, but missing, broken or removed. */
  | { readonly kind: 'broken'; readonly account: BrokenAccount }
  /** Accounts there are, but none for this sender. */
  | { readonly kind: 'unknown' }
  /** No account at all can be used; or there may be one, and `problem` says why that is not known. */
  | { readonly kind: 'none'; readonly problem?: AppError | undefined };

/** The same by server: one of several only where it is the default account. */
export type ServerLookup = Lookup | { readonly kind: 'several'; readonly accounts: readonly AnyAccount[] };

export interface AccountDirectory {
  /** `sender` is the address in MAIL FROM, "" for the null sender. */
  lookup(sender: string): Lookup;
  /** The servers that the accounts submit to, each once; another array after a change. */
  readonly upstreams: readonly SmtpHost[];
}
