/**
 * Whom an account trusts: its `ca_bundle_file` or `ca_certs_dir` instead of the roots built into Node, for the
 * token endpoint and for the SMTP server alike. Files are read again when they change.
 */
import { X509Certificate } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, describeCause } from '../core/errors.js';

export interface TrustSettings {
  readonly caBundleFile: string | undefined;
  readonly caCertsDir: string | undefined;
  /** What the two are called where they were set; by default ca_bundle_file and ca_certs_dir. */
  readonly settingNames?: Readonly<Record<'caBundleFile' | 'caCertsDir', string>> | undefined;
}

export interface TrustedRoots {
  /** PEM texts; undefined means Node's own roots. */
  readonly ca: string[] | undefined;
  /** Equal keys mean equal roots: for caches of what is built from them. */
  readonly key: string;
}

/**
 * Throws AppError config-invalid when the file or directory cannot be read, holds no certificate or a damaged one:
 * OpenSSL would silently ignore that one and whatever follows it.
 */
export async function readTrustedRoots(settings: TrustSettings): Promise<TrustedRoots> {
  const names = settings.settingNames ?? { caBundleFile: 'ca_bundle_file', caCertsDir: 'ca_certs_dir' };
  if (settings.caBundleFile) return read(names.caBundleFile, settings.caBundleFile, (path) => [path]);
  if (settings.caCertsDir) {
    return read(names.caCertsDir, settings.caCertsDir, async (path) => {
      const files = await readdir(path);
      return files.toSorted().map((name) => join(path, name));
    });
  }
  return { ca: undefined, key: '' };
}

const cache = new Map<string, { stamp: string; roots: TrustedRoots }>();

async function read(
  setting: string,
  path: string,
  listFiles: (path: string) => string[] | Promise<string[]>,
): Promise<TrustedRoots> {
  try {
    const { mtimeMs, ino } = await stat(path);
    const stamp = `${mtimeMs}/${ino}`;
    const known = cache.get(path);
    if (known?.stamp === stamp) return known.roots;
    const texts: string[] = [];
    for (const file of await listFiles(path)) {
      if (!(await stat(file)).isFile()) continue;
      const text = await readFile(file, 'utf8');
      if (countCertificates(text, file) > 0) texts.push(text);
    }
    if (texts.length === 0) throw new Error('it holds no PEM certificate');
    const roots = { ca: texts, key: `${path}@${stamp}` };
    cache.set(path, { stamp, roots });
    return roots;
  } catch (error) {
    throw new AppError('config-invalid', `${setting} ${path}: ${describeCause(error)}`, {
      hint: `name a readable ${setting.endsWith('_file') ? 'PEM file' : 'directory of PEM files'}, or remove ${setting}`,
      publicDetail: setting,
      cause: error,
    });
  }
}

/** Certificates in a PEM text. Throws when one of them is damaged. */
function countCertificates(text: string, file: string): number {
  const [, ...certificates] = text.split(/^-----BEGIN (?=(?:TRUSTED |X509 )?CERTIFICATE-----)/m);
  const parsed = certificates.map((rest, index) => {
    try {
      return new X509Certificate(`-----BEGIN ${rest}`);
    } catch (cause) {
      throw new Error(`certificate ${index + 1} in ${file} is damaged`, { cause });
    }
  });
  return parsed.length;
}
