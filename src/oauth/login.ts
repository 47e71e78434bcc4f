/**
 * What the ways to sign in have in common: what they need, what they give, and how a refusal becomes an error
 * with a hint. Nothing here is printed or written to a file; that is the caller's.
 */
import type { OAuthClient } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import { AppError, type FailureCode } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import type { FailedOutcome } from './classify.js';
import type { Granted } from './client.js';

export interface LoginOptions {
  readonly client: OAuthClient;
  /** Asked for at consent; undefined leaves it to the provider. */
  readonly scope: string | undefined;
  readonly clock?: Clock;
}

/** The tokens of a sign-in; unlike a refresh, it is only complete with a refresh token. */
export interface SignedIn {
  readonly accessToken: Secret;
  readonly refreshToken: Secret;
  readonly expiresInSeconds: number;
  /** False when the provider said nothing and an hour was assumed. */
  readonly lifetimeKnown: boolean;
  /** When the refresh token ends, which few say. */
  readonly refreshTokenExpiresInSeconds?: number | undefined;
  /** Who signed in, in lower case; empty when the provider does not say. */
  readonly addresses: readonly string[];
}

const codes: Readonly<Record<FailedOutcome['kind'], FailureCode>> = {
  transient: 'refresh-transient',
  'needs-person': 'login-denied',
  misconfigured: 'client-rejected',
};

/** `endpoint` is the one that refused. */
export function loginError(outcome: FailedOutcome, endpoint: URL): AppError {
  const hint = outcome.kind === 'transient' ? 'try again in a moment' : outcome.advice;
  return new AppError(codes[outcome.kind], `${endpoint.origin} completes no sign-in: ${outcome.reason}`, {
    hint,
  });
}

/** Throws AppError login-denied when there is no refresh token: without one the mail would stop in an hour. */
export function completeLogin(granted: Granted): SignedIn {
  const { addresses = [], refreshToken, ...others } = granted;
  if (refreshToken === undefined)
    throw new AppError('login-denied', 'the provider gave an access token, but no refresh token', {
      hint: 'ask for lasting access: Google needs access_type=offline and prompt=consent, most others offline_access in the scope',
    });
  const { accessToken, expiresInSeconds, lifetimeKnown, refreshTokenExpiresInSeconds } = others;
  return {
    accessToken,
    addresses,
    refreshToken,
    expiresInSeconds,
    lifetimeKnown,
    refreshTokenExpiresInSeconds,
  };
}
