/**
 * Encryption of what a row holds, so that a stolen dump is worth nothing: AES-256-GCM, with a nonce of its own for each
 * writing. What is authenticated with it names account, column and key, so that nothing sealed can be moved to another
 * account or column. Keys have ids, so that they can be exchanged while both are in use.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { AppError } from '../../core/errors.js';
import type { Secret } from '../../core/secret.js';

export interface SealedText {
  readonly keyId: string;
  /** Nonce (12 octets), ciphertext, tag (16 octets). */
  readonly bytes: Buffer;
}

export interface Place {
  readonly account: string;
  readonly column: string;
}

const cipher = 'aes-256-gcm';
const keyOctets = 32;
const nonceOctets = 12;
const tagOctets = 16;
const make = 'make one: echo "$(date +%Y-%m) $(openssl rand -base64 32)"';

export class SealKeys {
  readonly #keys: ReadonlyMap<string, Buffer>;
  /** Of the key that seals. */
  readonly currentId: string;

  private constructor(keys: ReadonlyMap<string, Buffer>, currentId: string) {
    this.#keys = keys;
    this.currentId = currentId;
  }

  /** One `ID KEY` a line, the key in base64; empty lines and lines with # do not count. Throws AppError config-invalid. */
  static parse(text: Secret): SealKeys {
    const keys = new Map<string, Buffer>();
    for (const [index, line] of text.reveal().split(/\r?\n/).entries()) {
      if (/^\s*(#|$)/.test(line)) continue;
      const [, id, encoded] = /^\s*([\w.-]{1,64})\s+([A-Za-z0-9+/]{43}=?)\s*$/.exec(line) ?? [];
      const key = Buffer.from(encoded ?? '', 'base64');
      if (id === undefined || key.length !== keyOctets)
        throw wrong(`line ${index + 1} is no "ID KEY" with ${keyOctets} octets in base64`);
      if (keys.has(id)) throw wrong(`line ${index + 1} has the id ${id} of another line`);
      keys.set(id, key);
    }
    const [first] = keys.keys();
    if (first === undefined) throw wrong('there is no key');
    return new SealKeys(keys, first);
  }

  seal(text: string, place: Place): SealedText {
    const keyId = this.currentId;
    const nonce = randomBytes(nonceOctets);
    const sealing = createCipheriv(cipher, this.#keys.get(keyId)!, nonce);
    sealing.setAAD(boundTo(place, keyId));
    const sealed = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()]);
    return { keyId, bytes: Buffer.concat([nonce, sealed, sealing.getAuthTag()]) };
  }

  /** Throws AppError token-unreadable (the key is not there) or token-invalid (changed, or sealed for another place). */
  open({ bytes, keyId }: SealedText, place: Place): string {
    const key = this.#keys.get(keyId);
    if (key === undefined)
      throw new AppError(
        'token-unreadable',
        `the row of ${place.account} is encrypted with key ${keyId}, which is not among the keys`,
        { hint: `add the line of ${keyId} to the keys that "postgres": { "keys": … } names` },
      );
    try {
      const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceOctets), {
        authTagLength: tagOctets,
      });
      opening.setAAD(boundTo(place, keyId));
      opening.setAuthTag(bytes.subarray(-tagOctets));
      const sealed = bytes.subarray(nonceOctets, -tagOctets);
      return Buffer.concat([opening.update(sealed), opening.final()]).toString('utf8');
    } catch (cause) {
      throw new AppError(
        'token-invalid',
        `the row of ${place.account} was not written for this account with key ${keyId}, or was changed`,
        {
          hint: `restore it from a backup, or: mailbearer get-token PROVIDER ${place.account} --overwrite-existing-token`,
          cause,
        },
      );
    }
  }
}

function boundTo({ account, column }: Place, keyId: string): Buffer {
  return Buffer.from([column, keyId, account].join('\0'));
}

function wrong(what: string): AppError {
  return new AppError('config-invalid', `postgres.keys: ${what}`, { hint: make });
}
