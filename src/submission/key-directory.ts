/**
 * Keys for JWTs in files, where Dovecot keeps them: AZP/ALG/KID below a directory, each "default" where the token has
 * none. What stands in a token is escaped as Dovecot does it, so that no name leaves the directory. Read each time:
 * a key that is replaced or taken away counts at once.
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, describeCause, systemErrorCode } from '../core/errors.js';

export interface KeyName {
  readonly azp: string | undefined;
  /** As in RFC 7518, 3.1; it was checked. */
  readonly alg: string;
  readonly kid: string | undefined;
}

/**
 * Undefined when there is no such key. For HS* the octets, which the file has in base64; else a public key, in PEM or
 * as a JWK. Throws AppError auth-unavailable for a file that cannot be read or used.
 */
export async function readKey(
  directory: string,
  { alg, azp, kid }: KeyName,
): Promise<KeyObject | Uint8Array | undefined> {
  const file = join(directory, escapeKeyName(azp), alg.toUpperCase(), escapeKeyName(kid));
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    // A name that no file can have is a name of no key.
    const code = systemErrorCode(cause) ?? '';
    const absent = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'];
    if (absent.includes(code)) return undefined;
    throw unusable(file, describeCause(cause), cause);
  }
  return alg.startsWith('HS') ? octetsIn(text.trim(), file) : publicKeyIn(text.trim(), alg, file);
}

/** RFC 7518, 3.2, asks as many as the hash has; less than these can be found out from a token. */
const leastOctets = 32;

/** One part of the path. */
export function escapeKeyName(name: string | undefined): string {
  // A part of dots alone would be a directory; an empty one, none.
  return (name || 'default')
    .split('/')
    .map((part) => (/^\.+$/.test(part) ? `..${part}` : part).replaceAll('%', '%25'))
    .join('%2f');
}

function octetsIn(text: string, file: string): Uint8Array {
  if (!/^[\w+/-]+={0,2}$/.test(text)) throw unusable(file, 'it is not in base64');
  const octets = Buffer.from(text, 'base64');
  if (octets.length < leastOctets)
    throw unusable(file, `a secret needs ${leastOctets} octets, for it can be guessed else`);
  return octets;
}

function publicKeyIn(text: string, alg: string, file: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(
      text.startsWith('{') ? { key: JSON.parse(text) as JsonWebKey, format: 'jwk' } : text,
    );
  } catch {
    // What was wrong with it may quote it.
    throw unusable(file, 'it is no public key, in PEM or as a JWK');
  }
  const kind = alg.startsWith('ES') ? 'ec' : 'rsa';
  if (key.asymmetricKeyType === kind) return key;
  throw unusable(file, `it is a key of another kind than ${alg} needs`);
}

function unusable(file: string, why: string, cause?: unknown): AppError {
  return new AppError('auth-unavailable', `local_validation_key_dict: ${file}: ${why}`, {
    hint: `ls -l ${file}; it holds a public key in PEM, or for HS256 and its like the secret in base64`,
    cause,
  });
}
