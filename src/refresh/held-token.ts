/**
 * A token in hand, with the two moments that matter: when to refresh it, and until when it may be used. Pure; how
 * the moments are reckoned is schedule.ts's.
 */
import type { Account } from '../accounts/account.js';
import type { Secret } from '../core/secret.js';
import { type RefreshPolicy, refreshDueAt, usableUntil } from './schedule.js';
import type { AccessToken } from './token-source.js';

export interface HeldToken {
  readonly token: AccessToken;
  /** The same, ready to hand out: the usual case of `accessToken()` makes no promise of its own. */
  readonly answer: Promise<AccessToken>;
  readonly issuedAt: number;
  /** 0 after the server refused the token. */
  readonly dueAt: number;
  readonly usableUntil: number;
}

/** What a store or an answer says of a token. */
export interface TokenFacts {
  readonly accessToken: Secret | undefined;
  readonly expiresAt: number;
  readonly writtenAt: number;
}

/** A token newer than this is not refreshed because a server refused it: the reason is another. */
const justMadeMs = 60_000;

/** When this account's tokens are refreshed. */
export function policyOf({ grant, provider, refreshWindowSeconds }: Account): RefreshPolicy {
  const { minimumLifetimeSeconds, signInLife } = provider;
  const idleDays = grant.kind === 'refresh-token' ? signInLife.idleDays : undefined;
  return {
    windowSeconds: refreshWindowSeconds,
    minimumLifetimeSeconds,
    idleSeconds: idleDays && idleDays * 86_400,
  };
}

/** The same, to be refreshed at another time. Written out: of what is spread each has a shape of its own. */
export function dueAt({ answer, issuedAt, token, usableUntil }: HeldToken, at: number): HeldToken {
  return { token, answer, issuedAt, dueAt: at, usableUntil };
}

/** Not so one from the future: the clock was put back since then. */
export function isJustMade({ issuedAt }: HeldToken, now: number): boolean {
  return Math.abs(now - issuedAt) < justMadeMs;
}

/** Undefined when it cannot be used any more. `random` in [0, 1) spreads the refreshes of many accounts. */
export function holdToken(
  { accessToken, expiresAt, writtenAt }: TokenFacts,
  policy: RefreshPolicy,
  now: number,
  random: number,
): HeldToken | undefined {
  // A file dated in the future says nothing of the token's age.
  const life = { issuedAt: Math.min(writtenAt, now), expiresAt };
  const last = usableUntil(life, policy);
  if (accessToken === undefined || now >= last) return undefined;
  const token = { secret: accessToken, expiresAt };
  return {
    token,
    answer: Promise.resolve(token),
    issuedAt: life.issuedAt,
    dueAt: refreshDueAt(life, policy, random),
    usableUntil: last,
  };
}
