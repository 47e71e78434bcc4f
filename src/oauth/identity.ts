/**
 * Who signed in, as an id_token or the userinfo endpoint says. The id_token came straight from the token endpoint; its
 * signature is not looked at: the TLS connection that it came over vouches for it (OpenID Connect Core, 3.1.3.7, 6),
 * and its issuer, which is another one for each of Microsoft's tenants, may not fail a sign-in that succeeded.
 */
import type { Secret } from '../core/secret.js';
import { exchange } from './exchange.js';
import type { HttpOptions, HttpSettings } from './http.js';
import type { Fields } from './normalise.js';

/** The addresses that the account goes by, in lower case; empty when nothing is said. */
export function addressesIn({ id_token: token }: Fields): readonly string[] {
  const payload = typeof token === 'string' ? token.split('.')[1] : undefined;
  if (payload === undefined) return [];
  try {
    return addressesOf(JSON.parse(Buffer.from(payload, 'base64url').toString()) as Fields | null);
  } catch {
    return [];
  }
}

/** The same, asked of the userinfo endpoint. Never rejects: who does not say it does not fail a sign-in. */
export async function askWhoSignedIn(
  userinfoEndpoint: URL,
  accessToken: Secret,
  settings: HttpSettings,
  options: HttpOptions,
): Promise<readonly string[]> {
  const headers = { authorization: `Bearer ${accessToken.reveal()}`, accept: 'application/json' };
  const keep = (fields: Fields) => fields;
  try {
    return addressesOf(await exchange(userinfoEndpoint, headers, undefined, settings, keep, options));
  } catch {
    return [];
  }
}

function addressesOf(claims: Fields | null): readonly string[] {
  // Microsoft's sign-in name need not be the mailbox's address: either may be the one that is meant.
  const names = [claims?.['email'], claims?.['preferred_username'], claims?.['upn']];
  const addresses = names.filter(
    (name) => typeof name === 'string' && /^[\x21-\x7e]+@[\x21-\x7e]+$/.test(name),
  );
  return [...new Set((addresses as string[]).map((address) => address.toLowerCase()))];
}
