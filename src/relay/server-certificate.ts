/**
 * The certificate and key of a port, read again when they change: connections from then on get the new pair, those
 * that are open keep theirs. A new pair that is no good is refused, with a line in the log, and the old one stays.
 */
import { constants, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { CertificateFiles } from '../config/listener.js';
import type { Clock } from '../core/clock.js';
import { AppError, describeCause } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { type DirectoryWatch, watchDirectories } from '../refresh/watch.js';

export interface LoadedCertificate {
  readonly secureContext: SecureContext;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Of both files: another pair has another. */
  readonly text: string;
}

/** Reads the pair and sees that it fits together. Throws AppError config-invalid. */
export async function loadCertificate(files: CertificateFiles): Promise<LoadedCertificate> {
  const { certificateFile, keyFile } = files;
  const read = async (path: string, what: string) => {
    try {
      return await readFile(path, 'utf8');
    } catch (cause) {
      throw new AppError('config-invalid', `the ${what} ${path} cannot be read: ${describeCause(cause)}`, {
        hint: `name the right file in relay.listen, and let the user of serve read it: ls -lL ${path}`,
        cause,
      });
    }
  };
  const cert = await read(certificateFile, 'certificate');
  const key = keyFile === certificateFile ? cert : await read(keyFile, 'key');
  try {
    const leaf = new X509Certificate(cert);
    // An empty file, as one that is being written is for a moment, would make a context without a key.
    if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is another certificate’s');
    const secureContext = createSecureContext({
      cert,
      key,
      minVersion: 'TLSv1.2',
      honorCipherOrder: true,
      // A client that asks for new keys again and again costs much and gains nothing.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    });
    return { secureContext, expiresAt: Date.parse(leaf.validTo), text: `${cert}\n${key}` };
  } catch (cause) {
    const pair = keyFile === certificateFile ? certificateFile : `${certificateFile} with ${keyFile}`;
    throw new AppError('config-invalid', `${pair} is no certificate with its key: ${reasonOf(cause)}`, {
      hint: 'both are PEM; the certificate comes first and then its chain, and the key has no passphrase',
      cause,
    });
  }
}

/** OpenSSL's own word for it, without its address in memory and its source files. */
export function reasonOf(cause: unknown): string {
  const reason = cause instanceof Error && 'reason' in cause ? cause.reason : undefined;
  return typeof reason === 'string' ? reason : describeCause(cause);
}

export interface CertificateMeans {
  readonly clock: Clock;
  readonly logger: Logger;
}

export class ServerCertificate {
  readonly #files: CertificateFiles;
  readonly #means: CertificateMeans;
  readonly #watch: DirectoryWatch;
  #loaded: LoadedCertificate;
  /** What was wrong with the files when they were read last; each trouble is logged once. */
  #trouble: string | undefined;

  private constructor(files: CertificateFiles, loaded: LoadedCertificate, means: CertificateMeans) {
    this.#files = files;
    this.#loaded = loaded;
    this.#means = means;
    this.#watch = watchDirectories({ ...means, onChange: () => void this.#readAgain() });
  }

  /** Throws AppError config-invalid. */
  static async open(files: CertificateFiles, means: CertificateMeans): Promise<ServerCertificate> {
    const loaded = await loadCertificate(files);
    if (loaded.expiresAt <= means.clock.now())
      means.logger.warn({ certificate: files.certificateFile }, 'the certificate has expired');
    const certificate = new ServerCertificate(files, loaded, means);
    await certificate.#watch.follow([files.certificateFile, files.keyFile].map((path) => dirname(path)));
    return certificate;
  }

  /** For the next handshake. */
  get secureContext(): SecureContext {
    return this.#loaded.secureContext;
  }

  close(): void {
    this.#watch.close();
  }

  async #readAgain(): Promise<void> {
    const { clock, logger } = this.#means;
    const fields = { certificate: this.#files.certificateFile };
    try {
      const loaded = await loadCertificate(this.#files);
      if (loaded.text !== this.#loaded.text) {
        if (loaded.expiresAt <= clock.now()) throw new Error('it has expired');
        this.#loaded = loaded;
        logger.info(fields, 'the new certificate is in use');
      }
      this.#trouble = undefined;
    } catch (error) {
      const cause = describeCause(error);
      if (cause !== this.#trouble)
        logger.warn({ ...fields, cause }, 'the new certificate is refused, the old one stays');
      this.#trouble = cause;
    }
  }
}
