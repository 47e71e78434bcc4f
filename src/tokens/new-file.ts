/**
 * The token file of a new sign-in: 0600 (run as root: with the owner and group of its directory), durable and
 * atomic, and never in place of another token unless that is wanted. Then owner, mode, and every field that the
 * sign-in does not set stay. `checkTokenFileWritable` finds out before a person is sent to a browser.
 */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../core/errors.js';
import { unwritable, writeFailure } from './file-failure.js';
import { followLinks } from './follow-links.js';
import { editFields, parseToken, splitFields, type TokenFields } from './format.js';
import { writeKeyring } from './keyring.js';
import { type LockOptions, withLock } from './lock.js';
import { type Ownership, readTokenText } from './read-file.js';
import type { SignInSecrets } from './token.js';
import { alreadyExists, type Replacement, reserveReplacement } from './replacement.js';

export interface NewFileOptions extends LockOptions {
  /** Whether an existing token may be replaced. */
  readonly overwrite: boolean;
  /** Whether the secrets among the fields go into the keyring instead. */
  readonly keyring?: boolean;
}

/** A refresh that runs elsewhere ends within its time-out of 30 s. */
const lockPatienceMs = 35_000;

/** Throws AppError token-exists or token-unwritable, as createTokenFile would; leaves nothing behind. */
export async function checkTokenFileWritable(path: string, options: NewFileOptions): Promise<void> {
  const { replacement } = await prepare(path, options);
  await replacement.release();
}

/** Throws AppError token-exists, token-unreadable (what it would replace), token-unwritable or keyring-unavailable. */
export function createTokenFile(path: string, fields: TokenFields, options: NewFileOptions): Promise<void> {
  const { rest, secrets } = options.keyring ? splitFields(fields) : { rest: fields, secrets: undefined };
  return write(path, secrets, (existing) => editFields(existing ?? '{}', rest, path), options);
}

/** The same with a text to be taken over as it is, but for secrets that go into the keyring. Throws token-invalid too. */
export async function copyToTokenFile(path: string, text: string, options: NewFileOptions): Promise<void> {
  const { overrides, refreshToken } = parseToken(text, path);
  if (!options.keyring) return write(path, undefined, () => text, options);
  const { rest, secrets } = splitFields({
    refresh_token: refreshToken,
    ...(overrides.clientSecret && { client_secret: overrides.clientSecret }),
  });
  return write(path, secrets, () => editFields(text, rest, path), options);
}

async function write(
  path: string,
  secrets: SignInSecrets | undefined,
  textFrom: (existing: string | undefined) => string,
  options: NewFileOptions,
): Promise<void> {
  const writeNow = async () => {
    const { replacement, text } = await prepare(path, options);
    try {
      if (secrets?.refreshToken !== undefined || secrets?.clientSecret !== undefined)
        await writeKeyring(await followLinks(path), secrets, options.clock);
      await replacement.publish(textFrom(text), options.overwrite ? 'replace' : 'create');
    } finally {
      await replacement.release();
    }
  };
  const patience = new AbortController();
  const timer = options.clock.setTimer(lockPatienceMs, () => patience.abort());
  try {
    await withLock(await followLinks(path), options, writeNow, patience.signal);
  } catch (error) {
    // A fresh sign-in outranks whatever is going on: the refresher drops a result that comes after it.
    if (error instanceof AppError && error.code === 'token-locked') await writeNow();
    else throw error;
  } finally {
    timer.cancel();
  }
}

async function prepare(
  path: string,
  { overwrite, clock, random }: NewFileOptions,
): Promise<{ replacement: Replacement; text: string | undefined }> {
  const target = await followLinks(path);
  const existing = await readExisting(target);
  if (existing && !overwrite) throw alreadyExists(path);
  const ownership = existing ?? (await ownershipOfNew(target));
  const text = existing?.text;
  const replacement = await reserveReplacement({ target, text: text ?? '', ownership, clock, random });
  return { replacement, text };
}

/** Undefined when there is none. A damaged one has nothing worth keeping but its owner and mode. */
async function readExisting(target: string): Promise<(Ownership & { text: string | undefined }) | undefined> {
  try {
    const { text, uid, gid, mode } = await readTokenText(target);
    return { text: isToken(text, target) ? text : undefined, uid, gid, mode };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === 'token-missing') return undefined;
    // A directory, a device: rename would fail or do harm.
    if (error.code === 'token-invalid') throw unwritable(target, error.message, error.hint ?? '', error);
    throw error;
  }
}

function isToken(text: string, target: string): boolean {
  try {
    parseToken(text, target);
    return true;
  } catch {
    return false;
  }
}

/** Root writes for the service that owns the directory; anyone else can only write as himself. */
async function ownershipOfNew(target: string): Promise<Partial<Ownership>> {
  if (process.geteuid?.() !== 0) return {};
  try {
    const { uid, gid } = await stat(dirname(target));
    return { uid, gid };
  } catch (error) {
    throw writeFailure(target, error);
  }
}
