/**
 * What is known of a token, from whichever source, held against what it must say: of an enabled user, of a trusted
 * issuer, with a scope that is wanted, and whose name it bears. Pure.
 */
import type { OAuth2Settings } from '../config/oauth2.js';
import type { AppError } from '../core/errors.js';

export type Fields = Readonly<Record<string, unknown>>;

/** RFC 6750, 3.1. */
export type TokenFault = 'invalid_token' | 'insufficient_scope';

export interface Refused {
  readonly kind: 'refused';
  readonly fault: TokenFault;
  /** For the log. */
  readonly reason: string;
}

/** What looking at a token came to: its fields, that it is no good, or that nobody knows. */
export type Look =
  | {
      readonly kind: 'known';
      readonly fields: Fields;
      /** A JWT that was verified here. */
      readonly local: boolean;
    }
  | Refused
  | { readonly kind: 'unavailable'; readonly cause: AppError };

/** A token that is good, and whose. */
export interface Held {
  readonly kind: 'held';
  /** As username_format makes it. */
  readonly name: string;
  /** Milliseconds since the epoch; undefined when nothing was said. */
  readonly expiresAt: number | undefined;
}

export function refused(reason: string, fault: TokenFault = 'invalid_token'): Refused {
  return { kind: 'refused', fault, reason };
}

/** @param now milliseconds since the epoch */
export function holderOf(
  { fields, local }: Look & { kind: 'known' },
  settings: OAuth2Settings,
  now: number,
): Held | Refused {
  if (valueOf(fields, 'active') === 'false') return refused('the token is not active');
  const { activeAttribute, activeValue } = settings;
  if (activeAttribute !== undefined) {
    const value = valueOf(fields, activeAttribute);
    if (value === undefined || (activeValue !== undefined && value !== activeValue))
      return refused(`the user is not enabled by ${activeAttribute}`);
  }
  const expiresAt = expiryOf(fields, now);
  if (expiresAt !== undefined && expiresAt <= now) return refused('the token has expired');
  // Whom we asked vouches for the token, and userinfo names no issuer; a JWT without one does not come here.
  const issuer = valueOf(fields, 'iss');
  if (settings.issuers.length > 0 && issuer !== undefined && !settings.issuers.includes(issuer))
    return refused('the token is of another issuer');
  if (settings.scopes.length > 0 && !settings.scopes.some((scope) => scopesOf(fields).includes(scope)))
    return refused('the token has none of the scopes that are wanted', 'insufficient_scope');
  const name = nameOf(fields, settings, local);
  if (name === undefined || name === '')
    return refused(`the token bears no name in ${settings.usernameAttribute ?? 'email'}`);
  // eslint-disable-next-line no-control-regex
  if (/[\0-\x1f\x7f]/.test(name)) return refused('the name in the token holds control characters');
  return { kind: 'held', name: settings.usernameFormat(name), expiresAt };
}

/** Whether the fields answer all that is asked of them, so that no other source is needed. */
export function areComplete(fields: Fields, settings: OAuth2Settings): boolean {
  const { activeAttribute } = settings;
  return (
    nameOf(fields, settings, false) !== undefined &&
    (activeAttribute === undefined || valueOf(fields, activeAttribute) !== undefined)
  );
}

function nameOf(fields: Fields, { usernameAttribute }: OAuth2Settings, local: boolean): string | undefined {
  const value = fields[usernameAttribute ?? 'email'];
  // Where nobody chose the attribute, a JWT that names its subject only is enough, as for Dovecot's example.
  const name = value === undefined && local && usernameAttribute === undefined ? fields['sub'] : value;
  return typeof name === 'string' ? name : undefined;
}

/** A word, a number or a truth as text: Dovecot compares them so. */
export function valueOf(fields: Fields, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

/** `scope` in words (RFC 8693, 4.2) or as a list; Microsoft and Okta call it `scp`. */
function scopesOf(fields: Fields): readonly unknown[] {
  const said = fields['scope'] ?? fields['scp'];
  return typeof said === 'string' ? said.split(' ') : Array.isArray(said) ? said : [];
}

/** `exp` of RFC 7662 and RFC 7519, `expires_in` of Google's tokeninfo; the earlier one. */
function expiryOf(fields: Fields, now: number): number | undefined {
  const [exp, lifetime] = [secondsIn(fields['exp']), secondsIn(fields['expires_in'])];
  const ends = [exp && exp * 1000, lifetime === undefined ? undefined : now + lifetime * 1000];
  const known = ends.filter((end) => end !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function secondsIn(value: unknown): number | undefined {
  const seconds = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  return typeof seconds === 'number' && Number.isFinite(seconds) ? seconds : undefined;
}
