/**
 * Throw-away certificates: an authority made for one test run, and server certificates from it, good ones and
 * every kind of bad one. Keys are P-256, which takes milliseconds. Nothing here is added to any trust store:
 * who shall trust the authority is told its file.
 */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';

const dayMs = 86_400_000;

export interface CertificateOptions {
  /** DNS names and IP addresses; default localhost, 127.0.0.1 and ::1. */
  readonly names?: readonly string[];
  /** Default yesterday, so that a clock a little behind does no harm. */
  readonly validFrom?: Date;
  /** Default in ten days; a date in the past makes an expired certificate. */
  readonly validTo?: Date;
  /** Signed by its own key instead of the authority's. */
  readonly selfSigned?: boolean;
}

export interface Certificate {
  /** PEM text. */
  readonly certificate: string;
  readonly key: string;
  /** The same in files; the key is 0600. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface CertificateAuthority {
  /** PEM text of the authority's own certificate, and the file to name as `ca_bundle_file`. */
  readonly certificate: string;
  readonly certificateFile: string;
  /** A server certificate, written beside the authority's as `LABEL.pem` and `LABEL.key`. */
  issue(label: string, options?: CertificateOptions): Promise<Certificate>;
}

/** Makes an authority whose files lie in `directory`, which is created when it does not exist. */
export async function createCertificateAuthority(directory: string): Promise<CertificateAuthority> {
  await mkdir(directory, { recursive: true });
  const authority = await generate([{ name: 'commonName', value: 'mailbearer test authority' }], {
    ...validity({}),
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const certificateFile = join(directory, 'authority.pem');
  await writeFile(certificateFile, authority.cert);

  return {
    certificate: authority.cert,
    certificateFile,
    async issue(label, options = {}) {
      const names = options.names ?? ['localhost', '127.0.0.1', '::1'];
      const made = await generate([{ name: 'commonName', value: names[0] ?? label }], {
        ...validity(options),
        keyType: 'ec',
        algorithm: 'sha256',
        ...(options.selfSigned ? {} : { ca: { key: authority.private, cert: authority.cert } }),
        extensions: [
          { name: 'basicConstraints', cA: false, critical: true },
          { name: 'keyUsage', digitalSignature: true, critical: true },
          { name: 'extKeyUsage', serverAuth: true },
          { name: 'subjectAltName', altNames: names.map(alternativeName) },
        ],
      });
      const files = {
        certificateFile: join(directory, `${label}.pem`),
        keyFile: join(directory, `${label}.key`),
      };
      await writeFile(files.certificateFile, made.cert);
      await writeFile(files.keyFile, made.private);
      await chmod(files.keyFile, 0o600);
      return { certificate: made.cert, key: made.private, ...files };
    },
  };
}

function validity(options: CertificateOptions): { notBeforeDate: Date; notAfterDate: Date } {
  const notAfterDate = options.validTo ?? new Date(Date.now() + 10 * dayMs);
  const yesterday = new Date(Math.min(Date.now(), notAfterDate.getTime()) - dayMs);
  return { notBeforeDate: options.validFrom ?? yesterday, notAfterDate };
}

/** The numbers are the GeneralName choices of RFC 5280 section 4.2.1.6. */
function alternativeName(name: string): { type: 2; value: string } | { type: 7; ip: string } {
  return isIP(name) ? { type: 7, ip: name } : { type: 2, value: name };
}
