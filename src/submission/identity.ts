/**
 * Who a client of the relay has proved to be, and what a check of its proof can come to. Passwords and bearer tokens
 * are checked in other files of this folder; the relay knows them by these interfaces alone.
 */
import type { AppError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';

export interface Identity {
  /** The name that was proved: a login of the passwords file, or the name that a token was given to. */
  readonly user: string;
  /** Addresses and `@domains` that this proof may send for, in lower case; undefined for no restriction. */
  readonly senders: readonly string[] | undefined;
  /** Names of the accounts that this proof may use, in lower case; undefined for no restriction. */
  readonly accounts: readonly string[] | undefined;
  /** The client's own bearer token, for the upstream server where it is passed on. */
  readonly token: Secret | undefined;
}

export type AuthVerdict =
  | { readonly kind: 'accepted'; readonly identity: Identity }
  | {
      readonly kind: 'refused';
      /** JSON of the failure challenge of XOAUTH2 and OAUTHBEARER (RFC 7628, 3.2.2), not in base64. */
      readonly challenge?: string | undefined;
    }
  /** Nobody knows whether the proof is good: the client is told to come again. */
  | {
      readonly kind: 'unavailable';
      readonly cause: AppError;
      /** It was compared with something, or shown to somebody, in vain: it counts as a guess. */
      readonly isGuess?: boolean;
    };

export type BearerMechanism = 'XOAUTH2' | 'OAUTHBEARER';

export interface PasswordCheck {
  /** `peer` is the client's address. Never rejects. */
  check(user: string, password: Secret, peer: string): Promise<AuthVerdict>;
}

export interface BearerCheck {
  /** `user` is what the client says of itself, if anything; an accepted name equals it. Never rejects. */
  check(
    user: string | undefined,
    token: Secret,
    mechanism: BearerMechanism,
    peer: string,
  ): Promise<AuthVerdict>;
}
