/**
 * The token of one account as it stands in a store, and what a store must be able to do. A store knows nothing
 * of OAuth; the refresher knows nothing of files.
 */
import type { TokenFileOverrides } from '../accounts/account.js';
import type { Secret } from '../core/secret.js';

export interface StoredToken {
  readonly accessToken: Secret | undefined;
  /** Milliseconds since the epoch; 0 when absent or unreadable, which only means "refresh". */
  readonly expiresAt: number;
  /** When the token was written, as far as is known; with expiresAt it tells the token's whole life. */
  readonly writtenAt: number;
  readonly refreshToken: Secret | undefined;
  readonly overrides: TokenFileOverrides;
  /** Changes whenever the content does; equal versions mean equal content. */
  readonly version: string;
}

/** What is remembered of a stored token beside the access token, which is kept in one place. */
export type StoredSignIn = Pick<StoredToken, 'refreshToken' | 'version' | 'writtenAt'>;

/** What is worth stealing for longer than an hour, and may be kept in the keyring. */
export interface SignInSecrets {
  readonly refreshToken: Secret | undefined;
  readonly clientSecret: Secret | undefined;
}

/** A refreshed token, about to be stored. */
export interface NewToken {
  readonly accessToken: Secret;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Undefined keeps the stored one. */
  readonly refreshToken: Secret | undefined;
}

export interface TokenStore {
  /** What is stored now, but for what only the lock gives: secrets in the keyring. Throws AppError token-missing, token-unreadable or token-invalid. */
  read(): Promise<StoredToken>;
  /**
   * Runs `work` while no other process refreshes this token. Waits for a living holder until `signal` aborts
   * (AppError token-locked then).
   */
  exclusively<T>(work: (locked: LockedStore) => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export interface LockedStore {
  read(): Promise<StoredToken>;
  /**
   * Proves, before anything is asked of a token endpoint, that a result can be stored with the same owner and
   * mode, and sets the space aside. Throws AppError token-unwritable with the command that mends it.
   */
  reserve(): Promise<Reservation>;
  /** Removes what is stored, and the link that led to it. Throws AppError token-unwritable. */
  remove(): Promise<void>;
}

export interface Reservation {
  /**
   * Puts the token where the next holder of the lock finds it, should this process end before `commit`: to be called
   * as soon as there is one. Durable when it resolves; what is stored stays as it is. Throws as `commit` does.
   */
  keep(token: NewToken): Promise<void>;
  /** Durable when it resolves: file and directory are synced. Throws AppError token-unwritable. */
  commit(token: NewToken): Promise<StoredToken>;
  /** Gives the space back, and what was kept there; harmless after commit. */
  release(): Promise<void>;
}
