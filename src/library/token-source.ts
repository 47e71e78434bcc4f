/**
 * Fresh access tokens for a program of one's own: what `mailbearer token` prints, kept in memory while it lives. Nothing
 * is read before the first token is asked for, and nothing runs between; refreshes are shared in the process, and by
 * the lock of the token file with `serve`, the commands and the plugin.
 */
import type { Account } from '../accounts/account.js';
import { readSaslPasswd } from '../accounts/sasl-passwd.js';
import { loadConfig } from '../config/load.js';
import { defaultTokenDirectories, saslPasswdFile } from '../config/paths.js';
import { systemClock } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import { silentLogger } from '../core/logger.js';
import { findAccount, requireUsable } from '../refresh/find-account.js';
import { openDatabase } from '../refresh/open-database.js';
import { createRefresher, type Refresher } from '../refresh/refresher.js';
import type { AccessToken } from '../refresh/token-source.js';
import type { AccountDatabase } from '../tokens/postgres/accounts.js';

export interface TokenSourceOptions {
  /** Name, login name or a sender of an account, as on the command line. Give this or `file`. */
  readonly account?: string;
  /** Path of a token file. */
  readonly file?: string;
  /** The configuration, as `--config-file` names it; by default the one that the commands read. */
  readonly configFile?: string;
}

export interface TokenRequest {
  /** The server has refused the last token: give another one, refreshed now unless the last is less than a minute old. */
  readonly renew?: boolean;
}

export interface Token {
  readonly accessToken: string;
  /** Login name at the mail server; where none is known, the name of the account. */
  readonly user: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

interface Opened {
  readonly account: Account;
  readonly refresher: Refresher;
}

export class TokenSource {
  readonly #options: TokenSourceOptions;
  readonly #word: string;
  #opened: Promise<Opened> | undefined;
  #database: AccountDatabase | undefined;
  #last: AccessToken | undefined;
  #closed = false;

  /** Throws AppError usage unless exactly one of `account` and `file` is given. */
  constructor(options: TokenSourceOptions) {
    const { account, file } = options;
    const [word, ...others] = [account, file && pathOf(file)].filter(
      (each) => each !== undefined && each !== '',
    );
    if (word === undefined || others.length > 0)
      throw new AppError('usage', 'a TokenSource takes either an account or a file', {
        hint: "for example: new TokenSource({ account: 'you@gmail.com' })",
      });
    this.#options = options;
    this.#word = word;
  }

  /**
   * A token with life enough left, refreshed first if it must be. Throws AppError: `refresh-transient` or `token-locked`
   * where it may help to try again, `grant-dead` where a person has to sign in, others as docs/errors.md has them.
   */
  async token({ renew = false }: TokenRequest = {}): Promise<Token> {
    const { account, refresher } = await this.#open();
    // Somebody may have signed in, or refreshed it, since it failed.
    const { refreshing, state } = refresher.status();
    if (!refreshing && (state === 'due' || state === 'troubled')) await refresher.storeChanged();
    const refused = renew ? this.#last : undefined;
    const found = (refused && (await refresher.renew(refused))) ?? (await refresher.accessToken());
    this.#last = found;
    const { name, user = name } = account;
    return { accessToken: found.secret.reveal(), user, expires: found.expiresAt };
  }

  /** Gives no more tokens. Resolves when no refresh is under way, whose answer may be the only valid token. */
  async close(): Promise<void> {
    this.#closed = true;
    const opened = await this.#opened?.catch(() => undefined);
    await opened?.refresher.close();
    await this.#database?.close();
  }

  /** What fails is tried again at the next token. */
  #open(): Promise<Opened> {
    if (this.#closed) return Promise.reject(new AppError('usage', 'this TokenSource has been closed'));
    this.#opened ??= this.#load().catch(async (error: unknown) => {
      this.#opened = undefined;
      await this.#database?.close();
      throw error;
    });
    return this.#opened;
  }

  async #load(): Promise<Opened> {
    const [clock, random] = [systemClock, Math.random];
    const { config } = await loadConfig({ configFile: this.#options.configFile, env: process.env });
    const tokenDirectories = config.tokenDirs ?? defaultTokenDirectories;
    const saslPasswd = await readSaslPasswd(saslPasswdFile);
    const database = await openDatabase(config, { clock, random });
    this.#database = database;
    const options = { config, database, tokenDirectories, saslPasswd, clock, random, makesFiles: true };
    // A directory that cannot be listed makes the account an unknown one, which is told.
    const found = requireUsable(await findAccount(this.#word, options, () => undefined));
    const { account, store, stored: initial } = found;
    const refresher = createRefresher(
      { account, store, initial },
      {
        ...{ clock, random, logger: silentLogger },
        requestRefresh: async (client, refreshToken) =>
          (await import('../oauth/client.js')).requestRefresh(client, refreshToken),
        requestGrant: async (client, grant) =>
          (await import('../oauth/grant.js')).requestGrant(client, grant),
      },
    );
    // For who asks, and not in the background.
    await refresher.rest();
    return { account, refresher };
  }
}

/** With a slash, by which a path is known. */
function pathOf(file: string): string {
  return file.includes('/') ? file : `./${file}`;
}
