/**
 * Remembers whose a token is, for a minute at most and never beyond its life: a client that opens ten connections asks
 * the provider once, and a token that was withdrawn is out within that minute. Only what was held good is remembered,
 * by the SHA-256 of the token.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.js';
import type { Secret } from '../core/secret.js';
import type { Held, Look } from './token-fields.js';

/** Whose a token is. Never rejects. */
export type TokenCheck = (token: Secret) => Promise<Held | Exclude<Look, { kind: 'known' }>>;

const rememberedMs = 60_000;
const mostTokens = 10_000;

export function remembering(check: TokenCheck, clock: Clock): TokenCheck {
  const held = new Map<string, { readonly value: Held; readonly until: number }>();
  const underWay = new Map<string, ReturnType<TokenCheck>>();

  async function ask(key: string, token: Secret): ReturnType<TokenCheck> {
    const found = await check(token);
    underWay.delete(key);
    if (found.kind !== 'held') return found;
    const [oldest] = held.keys();
    if (held.size >= mostTokens && oldest !== undefined) held.delete(oldest);
    held.set(key, { value: found, until: Math.min(clock.now() + rememberedMs, found.expiresAt ?? Infinity) });
    return found;
  }

  return (token) => {
    const key = createHash('sha256').update(token.reveal()).digest('base64');
    const known = held.get(key);
    if (known !== undefined && clock.now() < known.until) return Promise.resolve(known.value);
    held.delete(key);
    const pending = underWay.get(key) ?? ask(key, token);
    underWay.set(key, pending);
    return pending;
  };
}
