/**
 * Answers of token endpoints that are not in the database yet, on this machine's disk: written as soon as there is one,
 * encrypted as the row is, and gone with the commit. A process that is killed while the database is away leaves the only
 * copy of a new refresh token here; whoever has the account's lease on this machine next puts it into the row, unless
 * somebody has signed in meanwhile. Where the directory can't be written, all works but for that.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.js';
import { Secret } from '../../core/secret.js';
import { type Replacement, reserveReplacement } from '../replacement.js';
import type { NewToken } from '../token.js';
import type { SealKeys } from './seal-keys.js';

export interface KeptAnswersOptions {
  /** Made when it is needed, 0700. */
  readonly directory: string;
  readonly keys: SealKeys;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface KeptAnswer {
  readonly token: NewToken;
  /** The refresh token that it was given for; "" for none. */
  readonly used: Secret;
}

/** Space for one answer, set aside before anything is asked. */
export interface Space {
  keep(answer: KeptAnswer): Promise<void>;
  release(): Promise<void>;
}

interface Written {
  readonly account: string;
  readonly key_id: string;
  readonly sealed: string;
}

const column = 'kept answer';
const suffix = '.answer';

export class KeptAnswers {
  readonly #options: KeptAnswersOptions;

  constructor(options: KeptAnswersOptions) {
    this.#options = options;
  }

  /** Undefined where nothing can be written. */
  async reserve(account: string): Promise<Space | undefined> {
    const { clock, directory, keys, random } = this.#options;
    const target = this.#pathOf(account);
    let replacement: Replacement;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      replacement = await reserveReplacement({ target, text: '', ownership: {}, clock, random });
    } catch {
      return undefined;
    }
    return {
      async keep({ token, used }) {
        const text = JSON.stringify({
          access_token: token.accessToken.reveal(),
          expires_at: token.expiresAt,
          refresh_token: token.refreshToken?.reveal(),
          used: used.reveal(),
        });
        const { bytes, keyId } = keys.seal(text, { account, column });
        const written: Written = { account, key_id: keyId, sealed: bytes.toString('base64') };
        await replacement.publish(JSON.stringify(written), 'replace');
      },
      release: () => replacement.release(),
    };
  }

  /** What was kept of this account; one that can't be read says nothing. */
  async find(account: string): Promise<KeptAnswer | undefined> {
    try {
      const { key_id, sealed } = await this.#read(this.#pathOf(account));
      const text = this.#options.keys.open(
        { keyId: key_id, bytes: Buffer.from(sealed, 'base64') },
        { account, column },
      );
      const { access_token, expires_at, refresh_token, used } = JSON.parse(text) as Record<string, string>;
      return {
        token: {
          accessToken: new Secret(access_token!),
          expiresAt: Number(expires_at),
          refreshToken: refresh_token === undefined ? undefined : new Secret(refresh_token),
        },
        used: new Secret(used!),
      };
    } catch {
      return undefined;
    }
  }

  async forget(account: string): Promise<void> {
    await unlink(this.#pathOf(account)).catch(() => undefined);
  }

  /** The accounts of which there is one. */
  async accounts(): Promise<readonly string[]> {
    const { directory } = this.#options;
    const names = await readdir(directory).catch(() => []);
    const found: string[] = [];
    for (const name of names.filter((each) => each.endsWith(suffix))) {
      const written = await this.#read(join(directory, name)).catch(() => undefined);
      if (typeof written?.account === 'string') found.push(written.account);
    }
    return found;
  }

  async #read(path: string): Promise<Written> {
    return JSON.parse(await readFile(path, 'utf8')) as Written;
  }

  /** A name of any account is a name of a file this way. */
  #pathOf(account: string): string {
    const name = createHash('sha256').update(account).digest('base64url');
    return join(this.#options.directory, `${name}${suffix}`);
  }
}
