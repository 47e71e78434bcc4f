/** The library, as a program has it, with real token files and a real token endpoint. */
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { AppError, TokenSource } from '../../src/index.js';
import { temporaryDirectory } from '../support/process.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { type TokenJson, writeTokenFile } from '../support/token-files.js';

const account = 'a@b.example';
let directory: string;
let file: string;
let configFile: string;
let endpoint: TokenEndpoint;
let remove: () => Promise<void>;
const sources: TokenSource[] = [];

beforeEach(async () => {
  const root = await temporaryDirectory();
  directory = root.path;
  remove = () => root.remove();
  endpoint = await startTokenEndpoint();
  file = join(directory, 'tokens', account);
  configFile = join(directory, 'config.json');
  await mkdir(join(directory, 'tokens'));
  await writeFile(
    configFile,
    JSON.stringify({
      client_id: 'id',
      token_endpoint: endpoint.url.href,
      token_dir: join(directory, 'tokens'),
      accounts: { [account]: { user: 'login@b.example', senders: ['@b.example'] } },
    }),
  );
});
afterEach(async () => {
  for (const source of sources.splice(0)) await source.close();
  await endpoint.close();
  await remove();
});

const signedIn = (lifeSeconds: number, fields?: TokenJson) =>
  writeTokenFile(file, systemClock, lifeSeconds, fields);

function sourceOf(options: { account?: string; file?: string } = { account }): TokenSource {
  const source = new TokenSource({ configFile, ...options });
  sources.push(source);
  return source;
}

async function failureOf(source: TokenSource): Promise<string> {
  const error: unknown = await source.token().catch((thrown: unknown) => thrown);
  if (!(error instanceof AppError)) throw new Error('it has not failed as it should');
  return error.code;
}

describe('a token source', () => {
  it('gives the token of the file while it lives, and asks nobody', async () => {
    await signedIn(3600);
    const ways = [{ account }, { account: 'login@b.example' }, { account: '@b.example' }, { file }];
    for (const way of ways) {
      const { accessToken, expires, user } = await sourceOf(way).token();
      expect({ accessToken, user }).toEqual({ accessToken: 'access-0', user: 'login@b.example' });
      expect(expires).toBe(Number((JSON.parse(await readFile(file, 'utf8')) as TokenJson)['expiry']) * 1000);
    }
    expect(endpoint.requests).toEqual([]);
  });

  it('refreshes once for all who ask, and for other sources too', async () => {
    await signedIn(-1);
    const [one, other] = [sourceOf(), sourceOf({ file })];
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? one : other).token()),
    );
    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(['access-token-1']));
    expect(endpoint.requests).toHaveLength(1);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ access_token: 'access-token-1' });
  });

  it('gives another token for one that was refused, but not for one that is new', async () => {
    await signedIn(3600);
    const source = sourceOf();
    const old = await source.token({ renew: true });
    expect(old.accessToken).toBe('access-0');
    expect((await source.token({ renew: true })).accessToken).toBe('access-0');
    await signedIn(3600, { access_token: 'access-9' });
    expect((await sourceOf().token()).accessToken).toBe('access-9');
    expect(endpoint.requests).toEqual([]);
  });

  it('says that the sign-in has ended, and works again after another one', async () => {
    await signedIn(-1);
    endpoint.script({ status: 400, body: { error: 'invalid_grant' } });
    const source = sourceOf();
    await expect(source.token()).rejects.toMatchObject({
      code: 'grant-dead',
      failure: { remedy: 'reauthorize' },
      hint: expect.stringContaining('mailbearer get-token') as string,
    });
    expect(await failureOf(source)).toBe('grant-dead');
    expect(endpoint.requests).toHaveLength(1);
    await signedIn(3600, { access_token: 'access-2', refresh_token: 'refresh-2' });
    expect((await source.token()).accessToken).toBe('access-2');
  });

  it('goes on with an old token while the endpoint is out of order', async () => {
    await signedIn(60);
    // An hour ago.
    await utimes(file, 0, systemClock.now() / 1000 - 3540);
    endpoint.script({ status: 503 });
    expect((await sourceOf().token()).accessToken).toBe('access-0');
    expect(endpoint.requests).toHaveLength(1);
  });

  it('tells what is wrong by code, and tries again at the next call', async () => {
    await signedIn(3600);
    expect(await failureOf(sourceOf({ account: 'c@d.example' }))).toBe('account-unknown');
    expect(await failureOf(sourceOf({ file: join(directory, 'nothing') }))).toBe('token-missing');
    await writeFile(configFile, '{ "relay": 1 }');
    const source = sourceOf();
    expect(await failureOf(source)).toBe('config-invalid');
    await rm(configFile);
    expect(await failureOf(source)).toBe('config-unreadable');
    await writeFile(configFile, JSON.stringify({ client_id: 'id', token_dir: join(directory, 'tokens') }));
    expect((await source.token()).user).toBe(account);
  });

  it('takes one name, and no more once it is closed', async () => {
    await signedIn(3600);
    for (const options of [{}, { account, file }, { account: '' }])
      expect(() => new TokenSource(options)).toThrow(/either an account or a file/);
    // In the directory of the process, and no name of an account.
    expect(await failureOf(sourceOf({ file: basename(file) }))).toBe('token-missing');
    const source = sourceOf();
    await source.token();
    await source.close();
    expect(await failureOf(source)).toBe('usage');
  });
});
