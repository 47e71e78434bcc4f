/** How a request to a token endpoint can end: a closed set, so that everyone who asks must decide on each. */
import type { Secret } from '../core/secret.js';

export type RefreshOutcome =
  | {
      readonly kind: 'refreshed';
      readonly accessToken: Secret;
      /** Only when the provider sent another, non-empty one. */
      readonly refreshToken: Secret | undefined;
      readonly expiresInSeconds: number;
      /** False when the response said nothing and an hour was assumed. */
      readonly lifetimeKnown: boolean;
      /** When the refresh token ends, which few say (Google's `refresh_token_expires_in`). */
      readonly refreshTokenExpiresInSeconds?: number | undefined;
    }
  /** Network, 408, 429, 5xx, a body that is no answer: the same request may succeed later. */
  | { readonly kind: 'transient'; readonly reason: string; readonly retryAfterSeconds: number | undefined }
  /** invalid_grant, interaction_required and their like: someone must sign in again. */
  | { readonly kind: 'needs-person'; readonly reason: string; readonly advice: string }
  /** invalid_client and its like: the configuration must change. */
  | {
      readonly kind: 'misconfigured';
      readonly reason: string;
      readonly advice: string;
      /** False when that was found out here, before anybody was asked. */
      readonly asked?: false;
    };

/** Nothing was granted: the OAuth error code, if there was one, and what it means. */
export interface Refused {
  readonly kind: 'refused';
  readonly error: string | undefined;
  readonly outcome: Exclude<RefreshOutcome, { kind: 'refreshed' }>;
}
