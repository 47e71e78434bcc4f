/** The file whose readers may see the page: made by the daemon when it is not there, for its own user alone. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError, describeCause, systemErrorCode } from '../core/errors.js';
import { Secret } from '../core/secret.js';

/** @param stateFile beside which it lies, unless the configuration names another place */
export function keyFilePath(named: string | undefined, stateFile: string): string {
  return named ?? join(dirname(stateFile), 'status.key');
}

/** Throws AppError config-unreadable when it can be neither read nor made, config-invalid when it holds no key. */
export async function readOrMakeKey(path: string): Promise<Secret> {
  // Its directory need not be writable once it is there.
  if ((await stat(path).catch(() => undefined)) !== undefined) return readKey(path);
  const key = randomBytes(32).toString('base64url');
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(draft, `${key}\n`, { flag: 'wx', mode: 0o600 });
    // Whole or not at all, and whoever comes second takes the first one's.
    const isFirst = await link(draft, path).then(
      () => true,
      (error: unknown) => {
        if (systemErrorCode(error) === 'EEXIST') return false;
        throw error;
      },
    );
    return isFirst ? new Secret(key) : await readKey(path);
  } catch (error) {
    throw error instanceof AppError ? error : unusable(path, error, unmade);
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

/** Throws AppError config-unreadable, or config-invalid when it holds no key. */
export async function readKey(path: string): Promise<Secret> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => Promise.reject(unusable(path, error)));
  const key = text.trim();
  if (/^[\w-]{20,}$/.test(key)) return new Secret(key);
  throw new AppError('config-invalid', `${path} holds no key: 20 or more letters, digits, - and _`, {
    hint: `remove it and restart serve, which makes one, or: openssl rand -hex 32 > ${path}`,
  });
}

const unread = 'run this as root or as the user of serve; status.key_file names another place';
const unmade = 'StateDirectory=mailbearer in the unit makes a place for it; status.key_file names another';

function unusable(path: string, cause: unknown, hint = unread): AppError {
  const message = `cannot use the key file ${path}: ${describeCause(cause)}`;
  return new AppError('config-unreadable', message, { hint, cause });
}
