/**
 * One account whose refreshes are killed: its sign-in at a strict provider, its directory, and what is done after
 * each kill. The next refresh runs in this process, with the real client, store and lock.
 */
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenIdProvider } from '../../examples/demo/openid-provider.js';
import { type Clock, systemClock } from '../../src/core/clock.js';
import { requestRefresh } from '../../src/oauth/client.js';
import { refreshOnce, type RefreshResult } from '../../src/refresh/refresh-once.js';
import { createFileStore } from '../../src/tokens/file-store.js';
import { isScratchName } from '../../src/tokens/names.js';
import { oauthClient } from '../../test/support/token-endpoint.js';
import { testAccount } from '../../test/support/token-files.js';
import { obtainTokens } from '../../test/system/sign-in.js';
import { Desk } from './desk.js';
import { fileMode, otherField } from './judge.js';

/** The lock of a dead process must not be waited for, let alone the minute and a half of one that is unknown. */
const lockPatienceMs = 5_000;

export class Mailbox {
  readonly configFile: string;
  readonly tokenDirectory: string;
  readonly #file: string;

  private constructor(
    directory: string,
    private readonly login: string,
    private readonly provider: OpenIdProvider,
    readonly desk: Desk,
  ) {
    this.configFile = join(directory, 'config.json');
    this.tokenDirectory = join(directory, 'tokens');
    this.#file = join(this.tokenDirectory, login);
  }

  static async open(directory: string, login: string, provider: OpenIdProvider): Promise<Mailbox> {
    const desk = await Desk.open(provider.tokenEndpoint);
    const mailbox = new Mailbox(directory, login, provider, desk);
    await mkdir(mailbox.tokenDirectory, { recursive: true });
    const config = {
      client_id: provider.clientId,
      token_endpoint: desk.url,
      token_dir: mailbox.tokenDirectory,
      // Nothing is sent, so nobody listens there.
      accounts: { [login]: { smtp: { host: '127.0.0.1', port: 9, tls: 'none' } } },
      relay: { listen: '127.0.0.1:0' },
    };
    await writeFile(mailbox.configFile, JSON.stringify(config));
    await mailbox.signIn();
    return mailbox;
  }

  /** As a person does whose sign-in has ended. */
  async signIn(): Promise<void> {
    this.desk.newest = (await obtainTokens(this.provider, this.login)).refreshToken;
    await this.expire(this.desk.newest);
  }

  /** The token in the file has no life left, so that whoever looks at it refreshes it. */
  async expire(refreshToken: string): Promise<void> {
    const token = { access_token: 'expired', expiry: '0', refresh_token: refreshToken, ...otherField };
    await writeFile(this.#file, JSON.stringify(token));
    await chmod(this.#file, fileMode);
  }

  /** Undefined text: there is no file. */
  async look(): Promise<{ text: string | undefined; mode: number }> {
    const text = await readFile(this.#file, 'utf8').catch(() => undefined);
    const mode = await stat(this.#file).then(
      (stats) => stats.mode & 0o7777,
      () => 0,
    );
    return { text, mode };
  }

  /** What lies about beside the token file. Throws when it is nothing of ours. */
  async litter(): Promise<number> {
    const names = (await readdir(this.tokenDirectory)).filter((name) => name !== this.login);
    const strange = names.filter((name) => !isScratchName(name));
    if (strange.length > 0) throw new Error(`strange files: ${strange.join(', ')}`);
    return names.length;
  }

  /** The refresh that comes next, as `serve` does it; `laterMs` is how long after now it is. */
  async refresh(laterMs = 0): Promise<RefreshResult> {
    this.desk.expect(undefined);
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + laterMs };
    const client = oauthClient(new URL(this.desk.url), { clientId: this.provider.clientId });
    return refreshOnce({
      account: testAccount(this.#file, { client }),
      store: createFileStore({ path: this.#file, clock, random: Math.random }),
      clock,
      requestRefresh,
      requestGrant: () => Promise.reject(new Error('this account has a refresh token')),
      mustRefresh: () => true,
      beforeWritingAgain: () => Promise.resolve(false),
      signal: AbortSignal.timeout(lockPatienceMs),
    });
  }
}
