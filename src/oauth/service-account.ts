/**
 * A Google service account that speaks for a mailbox (domain-wide delegation): the key file as Google hands it out,
 * and the assertion made with it. Signs with jose.
 * Source: developers.google.com/identity/protocols/oauth2/service-account (HTTP/REST).
 */
import { readFile } from 'node:fs/promises';
import { type CryptoKey, importPKCS8, SignJWT } from 'jose';
import type { Grant } from '../accounts/account.js';
import { parseEndpoint } from '../config/values.js';
import { AppError, describeCause } from '../core/errors.js';
import { Secret } from '../core/secret.js';

/** Google takes an hour at most; this one is used at once. Seconds. */
const lifetimeSeconds = 300;

export interface ServiceAccount {
  readonly email: string;
  readonly key: CryptoKey;
  readonly keyId: string | undefined;
  /** Its `token_uri`: who it is made for, and who is asked, unless the configuration names another. */
  readonly tokenEndpoint: URL | undefined;
}

/** @param now milliseconds since the epoch */
export async function signServiceAssertion(
  { email, key, keyId }: ServiceAccount,
  { scope, subject }: Pick<Grant & { kind: 'service-account' }, 'scope' | 'subject'>,
  audience: URL,
  now: number,
): Promise<Secret> {
  const issuedAt = Math.floor(now / 1000);
  const jwt = new SignJWT({ scope })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(keyId && { kid: keyId }) })
    .setIssuer(email)
    .setSubject(subject)
    .setAudience(audience.href)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + lifetimeSeconds);
  return new Secret(await jwt.sign(key));
}

/** Throws AppError config-invalid for a key file that cannot be used. */
export async function readServiceAccount(file: string): Promise<ServiceAccount> {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  } catch (cause) {
    // What JSON.parse says quotes the text, and that is a key.
    const why = cause instanceof SyntaxError ? 'it is not JSON' : describeCause(cause);
    throw wrong(`cannot read the service account's key ${file}: ${why}`, `ls -l ${file}`);
  }
  const field = (name: string) => (typeof json?.[name] === 'string' ? json[name] : undefined);
  const [email, pem, uri] = [field('client_email'), field('private_key'), field('token_uri')];
  if (email === undefined || pem === undefined)
    throw wrong(
      `${file} is no key of a service account`,
      'it must be the JSON file that Google hands out: "type": "service_account"',
    );
  const endpoint = uri === undefined ? { value: undefined } : parseEndpoint(uri);
  if ('problem' in endpoint)
    throw wrong(`the token_uri in ${file} is no endpoint: ${endpoint.problem}`, 'download the key once more');
  let key: CryptoKey;
  try {
    key = await importPKCS8(pem, 'RS256');
  } catch (cause) {
    throw wrong(
      `the private_key in ${file} cannot be used`,
      'create a new JSON key for the service account',
      cause,
    );
  }
  return { email, key, keyId: field('private_key_id'), tokenEndpoint: endpoint.value };
}

function wrong(message: string, hint: string, cause?: unknown): AppError {
  return new AppError('config-invalid', message, { hint, cause });
}
