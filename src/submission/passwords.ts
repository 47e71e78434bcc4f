/**
 * Checks passwords against the passwords file, which is read again whenever it has changed. A user that there is not
 * costs the same work as a wrong password; a password that was found right is known again without that work, until
 * the file changes. Where the file cannot be used, nobody is refused for it: the check is not possible.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { AppError, describeCause, systemErrorCode, toAppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Secret } from '../core/secret.js';
import type { AuthVerdict, PasswordCheck } from './identity.js';
import { derive, type HashSettings, isSame, newSettings, settingsKey } from './password-hash.js';
import { loginOf, parsePasswords, type PasswordEntry } from './passwords-file.js';
import { Turns } from './turns.js';

/** Each takes a core for a fifth of a second, and a thread that files and name lookups need, too. */
export function passwordTurns(): Turns {
  return new Turns({ atOnce: 2, waiting: 64 });
}

/** One state of the file. */
interface Table {
  readonly version: string;
  readonly byUser: ReadonlyMap<string, readonly PasswordEntry[]>;
  /** What users that there are not are measured with. */
  readonly decoy: HashSettings;
  /** Those found right, by a digest that is worth nothing outside this process. */
  readonly known: Map<string, PasswordEntry>;
}

export class FilePasswords implements PasswordCheck {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #key = randomBytes(32);
  readonly #turns: Turns;
  #table: Table | undefined;
  #complaint: string | undefined;

  /** @param turns shared by all files */
  constructor(path: string, logger: Logger, turns = passwordTurns()) {
    this.#path = path;
    this.#logger = logger;
    this.#turns = turns;
  }

  async check(user: string, password: Secret): Promise<AuthVerdict> {
    try {
      const found = await this.#find(loginOf(user), password, await this.#read());
      if (found === undefined) return { kind: 'refused' };
      const { accounts, senders } = found;
      return { kind: 'accepted', identity: { user: found.user, senders, accounts, token: undefined } };
    } catch (error) {
      return { kind: 'unavailable', cause: this.#complain(toAppError(error)) };
    }
  }

  async #find(user: string, password: Secret, table: Table): Promise<PasswordEntry | undefined> {
    const digest = createHmac('sha256', this.#key)
      .update(JSON.stringify([user, password.reveal()]))
      .digest('base64');
    const known = table.known.get(digest);
    if (known !== undefined) return known;
    const entries = table.byUser.get(user);
    if (entries === undefined) {
      await this.#derive(password, table.decoy);
      return undefined;
    }
    let found: PasswordEntry | undefined;
    // One computation for each user whose passwords `passwd` has made.
    for (const alike of grouped(entries, ({ hash }) => settingsKey(hash)).values()) {
      const { hash } = alike[0]!;
      const derived = await this.#derive(password, hash, hash.hash.length);
      for (const entry of alike) if (isSame(derived, entry.hash)) found = entry;
    }
    if (found !== undefined) table.known.set(digest, found);
    return found;
  }

  #derive(...args: Parameters<typeof derive>): Promise<Buffer> {
    return this.#turns.run(
      () => derive(...args),
      () => new AppError('auth-limited', 'too many passwords wait to be checked'),
    );
  }

  /** Throws AppError passwords-unusable. */
  async #read(): Promise<Table> {
    try {
      const { ctimeNs, ino, mtimeNs, size } = await stat(this.#path, { bigint: true });
      const version = [ino, size, mtimeNs, ctimeNs].join();
      if (this.#table?.version === version) return this.#table;
      const entries = parsePasswords(await readFile(this.#path, 'utf8'), this.#path);
      this.#table = {
        version,
        byUser: grouped(entries, ({ user }) => user),
        decoy: newSettings(entries[0]?.hash),
        known: new Map(),
      };
      this.#complaint = undefined;
      return this.#table;
    } catch (error) {
      throw error instanceof AppError ? error : unreadable(this.#path, error);
    }
  }

  /** Once for each state of things, however many clients meet it. */
  #complain(error: AppError): AppError {
    if (error.code !== 'auth-limited' && error.message !== this.#complaint) {
      this.#complaint = error.message;
      this.#logger.error({ code: error.code, hint: error.hint }, error.message);
    }
    return error;
  }
}

function grouped(
  entries: readonly PasswordEntry[],
  keyOf: (entry: PasswordEntry) => string,
): ReadonlyMap<string, readonly PasswordEntry[]> {
  const groups = new Map<string, PasswordEntry[]>();
  for (const entry of entries) {
    const group = groups.get(keyOf(entry));
    if (group === undefined) groups.set(keyOf(entry), [entry]);
    else group.push(entry);
  }
  return groups;
}

function unreadable(path: string, cause: unknown): AppError {
  const hint =
    systemErrorCode(cause) === 'ENOENT'
      ? `make it: mailbearer passwd add USER NAME --file ${path}`
      : `let the user that runs mailbearer read it: ls -l ${path}`;
  return new AppError(
    'passwords-unusable',
    `cannot read the passwords file ${path}: ${describeCause(cause)}`,
    { hint, cause },
  );
}
