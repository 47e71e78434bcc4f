/**
 * A password as it is kept: scrypt (RFC 7914), written as `$scrypt$ln=14,r=8,p=5$SALT$HASH` in base64 without padding,
 * as other programs write it, too. Nothing here knows of users or files.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../core/secret.js';

export interface HashCost {
  /** Logarithm of N to base 2. */
  readonly logN: number;
  readonly blockSize: number;
  readonly parallelization: number;
}

/** All that must be equal for two passwords to be compared with one computation. */
export interface HashSettings extends HashCost {
  readonly salt: Buffer;
}

export interface PasswordHash extends HashSettings {
  readonly hash: Buffer;
}

/** OWASP's Password Storage Cheat Sheet, the variant with 16 MiB: a fifth of a second of one core. */
export const defaultCost: HashCost = { logN: 14, blockSize: 8, parallelization: 5 };
const saltOctets = 16;
const hashOctets = 32;
/** What a file may ask for: more would stop the relay, whoever wrote it there. */
const mostMemoryOctets = 128 * 1024 * 1024;

export function newSettings(cost: HashCost = defaultCost): HashSettings {
  return { ...cost, salt: randomBytes(saltOctets) };
}

/** In a thread of its own: mail passes meanwhile. */
export function derive(password: Secret, settings: HashSettings, length = hashOctets): Promise<Buffer> {
  const { blockSize: r, logN, parallelization: p, salt } = settings;
  const options = { N: 2 ** logN, r, p, maxmem: mostMemoryOctets };
  return new Promise((resolve, reject) => {
    // What is typed on one machine is composed on another (RFC 8265, 4.2).
    scrypt(password.reveal().normalize('NFC'), salt, length, options, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    );
  });
}

export function isSame(derived: Buffer, { hash }: PasswordHash): boolean {
  return derived.length === hash.length && timingSafeEqual(derived, hash);
}

/** Equal for those that one computation serves. */
export function settingsKey({ blockSize, hash, logN, parallelization, salt }: PasswordHash): string {
  return [logN, blockSize, parallelization, hash.length, salt.toString('hex')].join();
}

export function formatHash({ blockSize, hash, logN, parallelization, salt }: PasswordHash): string {
  return `$scrypt$ln=${logN},r=${blockSize},p=${parallelization}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Undefined for what is no hash, or one that would cost more than is borne. */
export function parseHash(text: string): PasswordHash | undefined {
  const match =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{8,86})\$([A-Za-z0-9+/]{22,86})$/.exec(
      text,
    );
  if (match === null) return undefined;
  const [logN, blockSize, parallelization] = match.slice(1, 4).map(Number) as [number, number, number];
  const memory = 128 * 2 ** logN * blockSize;
  if (logN < 1 || blockSize < 1 || parallelization < 1 || memory > mostMemoryOctets / 2) return undefined;
  const salt = Buffer.from(match[4]!, 'base64');
  return { logN, blockSize, parallelization, salt, hash: Buffer.from(match[5]!, 'base64') };
}

function unpadded(octets: Buffer): string {
  return octets.toString('base64').replaceAll('=', '');
}
