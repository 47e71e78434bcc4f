/**
 * The certificate by which an application signs in (RFC 7523, 2.2), from PEM files: its key, ready to sign, and the
 * thumbprint by which the server finds it. Throws AppError config-invalid that names the file and what to do.
 */
import { createHash, createPrivateKey, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { CertificateFiles } from '../accounts/account.js';
import { AppError, describeCause } from '../core/errors.js';
import type { Secret } from '../core/secret.js';

export interface ClientCertificate {
  readonly key: webcrypto.CryptoKey;
  /** SHA-256 of the certificate, base64url (RFC 7515, 4.1.8). */
  readonly thumbprint: string;
}

/** @param now milliseconds since the epoch */
export async function readClientCertificate(
  files: CertificateFiles,
  now: number,
): Promise<ClientCertificate> {
  const { certificateFile, keyFile, passphrase } = files;
  const certificate = await understand(certificateFile, 'PEM certificate', (pem) => new X509Certificate(pem));
  const key = await understand(keyFile, 'PEM key', (pem) => openKey(pem, passphrase));
  if (!certificate.checkPrivateKey(key))
    throw wrong(
      `${keyFile} is not the key of ${certificateFile}`,
      'name the key that the certificate was made with',
    );
  if (Date.parse(certificate.validTo) <= now)
    throw wrong(
      `the certificate ${certificateFile} expired on ${certificate.validTo}`,
      'make a new one and upload it to the app registration',
    );
  const thumbprint = createHash('sha256').update(certificate.raw).digest('base64url');
  return { key: await importKey(key, keyFile), thumbprint };
}

function openKey(pem: string, passphrase: Secret | undefined): KeyObject {
  return createPrivateKey({ key: pem, ...(passphrase && { passphrase: passphrase.reveal() }) });
}

/** Whether a PEM key needs a passphrase, and has it. */
export function isOpened(pem: string, passphrase: Secret | undefined): boolean {
  try {
    openKey(pem, passphrase);
    return true;
  } catch {
    return !isEncrypted(pem);
  }
}

function isEncrypted(pem: string): boolean {
  return pem.includes('ENCRYPTED');
}

/** When a certificate ends, in milliseconds since the epoch; undefined when it cannot be read. */
export async function certificateEndsAt(file: string): Promise<number | undefined> {
  try {
    const at = Date.parse(new X509Certificate(await readFile(file)).validTo);
    return Number.isNaN(at) ? undefined : at;
  } catch {
    return undefined;
  }
}

async function importKey(key: KeyObject, file: string): Promise<webcrypto.CryptoKey> {
  const algorithm = algorithmOf(key);
  if (algorithm === undefined)
    throw wrong(`${file} is a key of a kind that is not used here`, 'use an RSA or a P-256 key');
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
}

function algorithmOf({
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams | undefined {
  if (asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1')
    return { name: 'ECDSA', namedCurve: 'P-256' };
  return undefined;
}

async function understand<T>(file: string, what: string, read: (pem: string) => T): Promise<T> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (cause) {
    throw wrong(`cannot read ${file}: ${describeCause(cause)}`, `ls -l ${file}`, cause);
  }
  try {
    return read(pem);
  } catch {
    const encrypted = isEncrypted(pem);
    const hint = encrypted ? 'check key_passphrase' : `it must hold a ${what}: openssl can convert it`;
    throw wrong(
      `${file} is no ${what} that can be read${encrypted ? ' without the right passphrase' : ''}`,
      hint,
    );
  }
}

function wrong(message: string, hint: string, cause?: unknown): AppError {
  return new AppError('config-invalid', message, { hint, cause });
}
