/**
 * The keyring of a desktop: a Secret Service (gnome-keyring, KWallet, KeePassXC), the Keychain of macOS, or Windows'
 * Credential Manager; never the kernel's, which a reboot empties. One entry for each token file, with all its secrets,
 * so that they change together. Every failure says what is missing and what mends it. The package is a native one and
 * loaded only here, when a keyring is asked for.
 */
import type { AsyncEntry } from '@napi-rs/keyring';
import type { Clock } from '../core/clock.js';
import { AppError, describeCause } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { SignInSecrets } from './token.js';

/** What people see in their keyring manager, beside the path of the token file. */
const service = 'mailbearer';
/** Somebody may be asked to unlock it. */
const patienceMs = 30_000;

/** Of the token file at `target`, a path without symlinks. Throws AppError keyring-unavailable or token-invalid. */
export async function readKeyring(target: string, clock: Clock): Promise<SignInSecrets> {
  const bytes = await ask(target, clock, (entry) => entry.getSecret());
  if (!bytes) return { refreshToken: undefined, clientSecret: undefined };
  const json = parseEntry(Buffer.from(bytes).toString('utf8'), target);
  const field = (name: string) => {
    const value = json[name];
    return typeof value === 'string' && value !== '' ? new Secret(value) : undefined;
  };
  return { refreshToken: field('refresh_token'), clientSecret: field('client_secret') };
}

/** In the keyring's own file when it resolves. Throws AppError keyring-unavailable. */
export function writeKeyring(
  target: string,
  { clientSecret, refreshToken }: SignInSecrets,
  clock: Clock,
): Promise<void> {
  const json = { refresh_token: refreshToken?.reveal(), client_secret: clientSecret?.reveal() };
  return ask(target, clock, (entry) => entry.setSecret(Buffer.from(JSON.stringify(json))));
}

/** Whether there was an entry. Throws AppError keyring-unavailable. */
export function removeFromKeyring(target: string, clock: Clock): Promise<boolean> {
  return ask(target, clock, (entry) => entry.deleteCredential());
}

/**
 * Writes an entry of another name and takes it away again: a probe that came late, when a person has unlocked the
 * keyring at last, must not put an old token in the place of a new one. Throws AppError keyring-unavailable.
 */
export function proveKeyringWritable(target: string, clock: Clock): Promise<void> {
  const name = `${target} (can it be written?)`;
  return ask(name, clock, async (entry) => {
    await entry.setSecret(Buffer.from(name));
    await entry.deleteCredential();
  });
}

let lastTurn: Promise<unknown> = Promise.resolve();

/** One at a time: a keyring that waits for a person holds one of the few threads that files need too. */
async function ask<T>(name: string, clock: Clock, work: (entry: AsyncEntry) => Promise<T>): Promise<T> {
  const patience = new AbortController();
  const { signal } = patience;
  const answer = lastTurn.then(async () => {
    // Whoever asked has been told that it failed: it must not happen after all.
    signal.throwIfAborted();
    return work(await openEntry(name));
  });
  lastTurn = answer.catch(() => undefined);
  const timer = clock.setTimer(patienceMs, () => patience.abort(noAnswer()), { unref: true });
  const outOfPatience = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  try {
    return await Promise.race([answer, outOfPatience]);
  } catch (cause) {
    throw cause instanceof AppError ? cause : unavailable(cause);
  } finally {
    timer.cancel();
  }
}

/** Anew each time: the service may have been started, or started again, in between. */
async function openEntry(name: string): Promise<AsyncEntry> {
  const keyring = await import('@napi-rs/keyring').catch((cause: unknown) => {
    const build = `${process.platform}-${process.arch}`;
    throw failure(`@napi-rs/keyring cannot be loaded on ${build}: ${describeCause(cause)}`, install, cause);
  });
  return new keyring.AsyncEntry(service, name, { linux: { store: 'secret-service' } });
}

const install = 'npm install --global @napi-rs/keyring, with its optional packages';
const unlock = 'unlock it: log in to the desktop, or run gnome-keyring-daemon --unlock';

function unavailable(cause: unknown): AppError {
  const words = describeCause(cause);
  if (/dismissed|locked/i.test(words)) return failure('it is locked', unlock, cause);
  if (/not provided by any|ServiceUnknown/.test(words))
    return failure(
      'no program offers one in this session',
      'apt-get install gnome-keyring, and log in anew',
      cause,
    );
  if (/dbus|d-bus/i.test(words))
    return failure(
      `this process has no D-Bus session (${words})`,
      'run it in the session of a person who has logged in (systemctl --user)',
      cause,
    );
  return failure(words, 'look at it with the keyring manager of the desktop', cause);
}

function noAnswer(): AppError {
  return failure(`it has not answered for ${patienceMs / 1000} s`, unlock);
}

function failure(what: string, remedy: string, cause?: unknown): AppError {
  return new AppError('keyring-unavailable', `the keyring cannot be used: ${what}`, {
    hint: `${remedy}; or set "token_store": "file"`,
    cause,
  });
}

function parseEntry(text: string, target: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>;
  } catch {
    // Said below, without a word of what stands there.
  }
  throw new AppError('token-invalid', `the keyring's entry for ${target} is damaged`, {
    hint: `sign in again: mailbearer get-token PROVIDER ${target} --overwrite-existing-token`,
  });
}
