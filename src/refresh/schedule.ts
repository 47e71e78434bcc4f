/**
 * When to refresh next, as pure functions of state, policy, now and random. Early enough that no message waits
 * for a token endpoint, and never so eagerly that an endpoint is hammered. All times are milliseconds since the
 * epoch; all policies are seconds, as people write them.
 */

/** How long a token lives. */
export interface TokenLife {
  readonly issuedAt: number;
  /** 0 when unknown: it counts as expired. */
  readonly expiresAt: number;
}

export interface RefreshPolicy {
  /** Refresh when this much life is left, but never before half of the life is over. */
  readonly windowSeconds: number;
  /** With less life than this the server refuses the token. */
  readonly minimumLifetimeSeconds: number;
  /** A refresh token that is not used for so long dies; undefined where no such rule is known. */
  readonly idleSeconds?: number | undefined;
}

/** What is known when the question is asked. */
export type RefreshSituation =
  /** There is a token and nothing is wrong. */
  | { readonly kind: 'holding'; readonly life: TokenLife }
  /** No token that can be used, or the server refused it; nothing was tried yet. */
  | { readonly kind: 'due' }
  /** The last attempts failed in a way that may pass. */
  | {
      readonly kind: 'backing-off';
      /** In a row, 1 or more. */
      readonly failures: number;
      readonly failedAt: number;
      readonly retryAfterSeconds: number | undefined;
    }
  /** Only a person can mend it; when the file changes, the question is asked anew. */
  | { readonly kind: 'stopped'; readonly failedAt: number };

export const firstBackOffMs = 5_000;
export const longestBackOffMs = 600_000;
/** A server that asks for more patience than this is asked once an hour. */
export const longestRetryAfterMs = 3_600_000;
export const stoppedIntervalMs = 3_600_000;

/** Share of the window over which refreshes of many accounts are spread. */
const windowSpread = 0.1;

/** The next attempt; never before `now`. `random` is in [0, 1) and drawn once per situation. */
export function nextAttemptAt(
  situation: RefreshSituation,
  policy: RefreshPolicy,
  now: number,
  random: number,
): number {
  let at: number;
  switch (situation.kind) {
    case 'holding':
      at = refreshDueAt(situation.life, policy, random);
      break;
    case 'due':
      at = now;
      break;
    case 'backing-off':
      at = situation.failedAt + backOffMs(situation, random);
      break;
    case 'stopped':
      at = situation.failedAt + stoppedIntervalMs * (1 + windowSpread * random);
  }
  return Math.max(now, at);
}

/**
 * When the window opens: earlier by up to a tenth of it, never before half of the token's life; and at half of the
 * time after which the refresh token would die unused, however long the access token lives.
 */
export function refreshDueAt(life: TokenLife, policy: RefreshPolicy, random: number): number {
  const windowMs = 1000 * Math.max(policy.windowSeconds, policy.minimumLifetimeSeconds);
  const due = life.expiresAt - windowMs * (1 + windowSpread * random);
  const idleMs = 1000 * (policy.idleSeconds ?? Infinity);
  return Math.min(Math.max(due, life.expiresAt - lifeMs(life) / 2), life.issuedAt + idleMs / 2);
}

/**
 * Until when the token may be used. A server's minimum is capped at half of the life: a provider whose tokens
 * live shorter than that would otherwise be asked for a new one with each message.
 */
export function usableUntil(life: TokenLife, policy: RefreshPolicy): number {
  return life.expiresAt - Math.min(1000 * policy.minimumLifetimeSeconds, lifeMs(life) / 2);
}

function lifeMs({ issuedAt, expiresAt }: TokenLife): number {
  return Math.max(0, expiresAt - issuedAt);
}

/** Doubling from 5 s, each with up to half of it more, at most 10 min; a Retry-After of up to 1 h is kept. */
function backOffMs(
  { failures, retryAfterSeconds = 0 }: RefreshSituation & { kind: 'backing-off' },
  random: number,
): number {
  const base = Math.min(firstBackOffMs * 2 ** (failures - 1), longestBackOffMs / 1.5);
  return Math.max(base * (1 + random / 2), Math.min(retryAfterSeconds * 1000, longestRetryAfterMs));
}
