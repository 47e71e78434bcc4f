/**
 * A token whose refresh token and client secret are in the keyring, while its file keeps the access token; and the way
 * there and back, taken by itself when the configuration changes. Promises that at every moment one of the two
 * holds the newest refresh token: it is in its new place before it leaves the old one, and secrets in the file are
 * moved before anything is asked of a token endpoint, so that what stands in the file is never older than the keyring's.
 */
import type { Account } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import type { Secret } from '../core/secret.js';
import { followLinks } from './follow-links.js';
import { createFileStore, editTokenFile, type FileStoreOptions, targetOf } from './file-store.js';
import { proveKeyringWritable, readKeyring, removeFromKeyring, writeKeyring } from './keyring.js';
import { editFields, parseToken, type TokenFields } from './format.js';
import type { LockOptions } from './lock.js';
import type { LockedStore, NewToken, Reservation, SignInSecrets, StoredToken, TokenStore } from './token.js';

const nothing: SignInSecrets = { refreshToken: undefined, clientSecret: undefined };

/** Where the account says that its secrets are. Without the lock, what is read is the file: no keyring is asked. */
export function openTokenStore(
  { grant, tokenFile: path, tokenStore }: Pick<Account, 'grant' | 'tokenFile' | 'tokenStore'>,
  { clock, random }: LockOptions,
): TokenStore {
  const options = { path, clock, random };
  if (tokenStore === 'file' && grant.kind !== 'refresh-token') return createFileStore(options);
  return new SecretsStore(options, tokenStore === 'keyring' ? keptInKeyring : keptInFile);
}

class SecretsStore implements TokenStore {
  readonly #options: FileStoreOptions;
  readonly #wrap: typeof keptInKeyring;

  constructor(options: FileStoreOptions, wrap: typeof keptInKeyring) {
    this.#options = options;
    this.#wrap = wrap;
  }

  read(): Promise<StoredToken> {
    return createFileStore(this.#options).read();
  }

  exclusively<T>(work: (locked: LockedStore) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const options = this.#options;
    return createFileStore(options).exclusively(
      async (locked) => work(this.#wrap(locked, options, await targetOf(options.path))),
      signal,
    );
  }
}

/**
 * What a sign-in wants to know before a person is sent to a browser: that the keyring can be written, and what it has for
 * this file, which need not be there yet. Throws AppError keyring-unavailable.
 */
export async function openKeyring(path: string, clock: Clock): Promise<SignInSecrets> {
  const target = await followLinks(path);
  await proveKeyringWritable(target, clock);
  return readKeyring(target, clock).catch(() => nothing);
}

/** The text of a token file with the secrets that the keyring has for it. Throws AppError keyring-unavailable or token-invalid. */
export async function withSecrets(path: string, text: string, clock: Clock): Promise<string> {
  const { refreshToken } = parseToken(text, path);
  if (refreshToken !== undefined) return text;
  const kept = await readKeyring(await followLinks(path), clock);
  return editFields(
    text,
    {
      ...(kept.refreshToken && { refresh_token: kept.refreshToken }),
      ...(kept.clientSecret && { client_secret: kept.clientSecret }),
    },
    path,
  );
}

function keptInKeyring(locked: LockedStore, options: FileStoreOptions, target: string): LockedStore {
  const { clock } = options;
  const read = async () => {
    const file = await locked.read();
    return isWhole(file) ? file : combine(file, await readKeyring(target, clock));
  };
  return {
    read,
    async reserve(): Promise<Reservation> {
      const file = await locked.read();
      const leaving = secretFields(file);
      const kept = secretsOf(await read());
      if (Object.keys(leaving).length === 0) await proveKeyringWritable(target, clock);
      else {
        await writeKeyring(target, kept, clock);
        await editTokenFile(options, leaving);
      }
      const reservation = await locked.reserve();
      return {
        // The keyring has no place beside the old token, and to write over that needs a look first.
        keep: () => Promise.resolve(),
        commit: (token) => commit(reservation, target, kept, token, options),
        release: () => reservation.release(),
      };
    },
    async remove() {
      await removeFromKeyring(target, clock);
      await locked.remove();
    },
  };
}

/** The keyring first: killed in between, the file has an access token that is older, and nothing is lost. */
async function commit(
  reservation: Reservation,
  target: string,
  kept: SignInSecrets,
  { refreshToken, ...token }: NewToken,
  { clock }: FileStoreOptions,
): Promise<StoredToken> {
  const secrets = { ...kept, refreshToken: refreshToken ?? kept.refreshToken };
  if (refreshToken?.equals(kept.refreshToken) === false) await writeKeyring(target, secrets, clock);
  return combine(await reservation.commit({ ...token, refreshToken: undefined }), secrets);
}

/** A file without a refresh token may have left it in the keyring; one that cannot be asked has none for it. */
function keptInFile(locked: LockedStore, options: FileStoreOptions, target: string): LockedStore {
  const { clock } = options;
  const left = async (file: StoredToken) =>
    isWhole(file) ? nothing : await readKeyring(target, clock).catch(() => nothing);
  return {
    async read() {
      const file = await locked.read();
      return combine(file, await left(file));
    },
    async reserve() {
      const { clientSecret, refreshToken } = await left(await locked.read());
      if (refreshToken !== undefined) {
        await editTokenFile(options, {
          refresh_token: refreshToken,
          ...(clientSecret && { client_secret: clientSecret }),
        });
        // What cannot be removed does no harm: from now on the file's counts.
        await removeFromKeyring(target, clock).catch(() => undefined);
      }
      return locked.reserve();
    },
    remove: () => locked.remove(),
  };
}

/** A file with a refresh token has all of a sign-in, which came after that in the keyring. */
function isWhole({ refreshToken }: StoredToken): boolean {
  return refreshToken !== undefined;
}

function combine(file: StoredToken, kept: SignInSecrets): StoredToken {
  if (isWhole(file)) return file;
  const clientSecret = file.overrides.clientSecret ?? kept.clientSecret;
  return { ...file, refreshToken: kept.refreshToken, overrides: { ...file.overrides, clientSecret } };
}

function unlessEmpty(secret: Secret | undefined): Secret | undefined {
  return secret?.isEmpty === false ? secret : undefined;
}

function secretsOf({ overrides, refreshToken }: StoredToken): SignInSecrets {
  return { refreshToken, clientSecret: unlessEmpty(overrides.clientSecret) };
}

/** How a file is left when its secrets move: the plugin wants `refresh_token` there, be it empty. */
function secretFields({ overrides, refreshToken }: StoredToken): TokenFields {
  return {
    ...(refreshToken && { refresh_token: '' }),
    ...(unlessEmpty(overrides.clientSecret) && { client_secret: undefined }),
  };
}
