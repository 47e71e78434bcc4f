/** Sign-ins into a real PostgreSQL, at the terminal and from the status page, and what commands say of one that is away. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signIn } from '../../examples/demo/openid-provider.js';
import { ask } from '../status/daemon.js';
import { answerOf, cookieIn, pressAuthorize } from '../status/sign-in-scene.js';
import { PostgresServer, postgresMissing } from '../support/postgres.js';
import { freePort } from '../support/process.js';
import { login, openWorkplace, type Workplace } from './workplace.js';

describe.skipIf(postgresMissing())('accounts in a database', () => {
  let server: PostgresServer;
  let place: Workplace;
  let keys: { token_store: string; postgres: object };
  let database: string;
  let count = 0;

  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.end());
  beforeEach(async () => {
    place = await openWorkplace();
    database = `signin${++count}`;
    keys = await server.database(database, join(place.directory, 'secrets'));
    await configure();
    await place.run(['store', 'init']);
  });
  afterEach(() => place.close());

  const configure = (more: object = {}) =>
    place.configure({
      ...{ ...keys, state_dir: place.directory, relay: { listen: '127.0.0.1:0' } },
      accounts: { [login]: { provider: 'gmail' } },
      ...more,
    });

  async function getToken(...args: string[]) {
    const command = place.start(['get-token', 'gmail', ...args, '--no-verify']);
    await signIn((await command.says(/^http:\/\/\S+\/authorize\S+$/m))[0], { login });
    return command.finished;
  }

  /** What the row says. */
  async function exported(): Promise<Record<string, unknown>> {
    const out = join(place.directory, 'out');
    expect(await place.run(['store', 'export', '--overwrite', out])).toMatchObject({ status: 0 });
    return place.readToken(join(out, login));
  }

  it('an account by its name is signed in into its row, where all else stays', async () => {
    const { status, stderr } = await getToken(login);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const row = `postgres://127.0.0.1:${server.port}/${database}/${login}`;
    expect(stderr).toContain(`The tokens are in ${row}.`);
    expect(stderr).toContain(`mailbearer test-token-refresh ${row}`);
    expect(await place.run(['test-token-refresh', row])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('Token refresh succeeded.') as string,
    });
    expect(await place.run(['get-token', 'gmail', login])).toMatchObject({
      status: 73,
      stderr: expect.stringMatching(/is there already[^]*--overwrite-existing-token/) as string,
    });
    const file = join(place.directory, 'out', login);
    const before = await exported();
    await place.writeToken({ ...before, refresh_token: 'ended', note: { odd: [1] } }, file);
    await place.run(['store', 'import', file, '--overwrite']);
    // A row can also be called by its place.
    expect(await getToken(row, '--overwrite-existing-token')).toMatchObject({ status: 0 });
    const { note, refresh_token } = await exported();
    expect(note).toEqual({ odd: [1] });
    expect([before['refresh_token'], 'ended']).not.toContain(refresh_token);
  });

  it('a path is a file, which waits to be imported', async () => {
    const file = join(place.directory, login);
    const { status, stderr } = await getToken(file);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stderr).toContain(`mailbearer store import ${file}`);
    expect(await place.readToken(file)).toMatchObject({ refresh_token: expect.any(String) as string });
    expect(await place.run(['test-token-refresh', login])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /has no account alice[^]*get-token PROVIDER alice@example.test\n/,
      ) as string,
    });
  });

  it('the status page signs an account in into its row', async () => {
    const where = `127.0.0.1:${await freePort()}`;
    await configure({ status: { listen: where } });
    const file = join(place.directory, login);
    await place.writeToken({ access_token: 'old', expiry: '1', refresh_token: 'ended', note: 'stays' }, file);
    await place.run(['store', 'import', file]);
    const serve = place.startBinary(['serve']);
    try {
      await serve.says(/invalid_grant/);
      const departure = await pressAuthorize({ directory: place.directory, where });
      const answer = await answerOf(departure, login);
      expect((await ask(where, answer, { headers: cookieIn(departure) })).status).toBe(200);
      expect(await exported()).toMatchObject({
        note: 'stays',
        refresh_token: expect.not.stringMatching(/^ended$/) as string,
      });
    } finally {
      serve.signal('SIGTERM');
      await serve.finished;
    }
  });

  it('the tests of a configuration say that it is away, or empty', async () => {
    expect(await place.run(['doctor'])).toMatchObject({
      stdout: expect.stringContaining('can be used, and key k1 encrypts') as string,
    });
    await configure({ accounts: {} });
    expect(await place.run(['test-config'])).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(
        /there is no account in postgres:\/\/[^]*get-token PROVIDER ADDRESS/,
      ) as string,
    });
    await configure({ token_store: `postgres://owner@127.0.0.1:1/${database}` });
    const away =
      /postgres:\/\/127\.0\.0\.1:1\/\S+ cannot be reached: .*ECONNREFUSED[^]*see that PostgreSQL runs/;
    expect(await place.run(['test-config'])).toMatchObject({
      status: 1,
      stdout: 'Config check failed.\n',
      stderr: expect.stringMatching(away) as string,
    });
    const { status, stdout } = await place.run(['doctor']);
    expect([status, stdout]).toEqual([1, expect.stringMatching(/^✗ database: /)]);
    expect(stdout).toMatch(away);
    expect(stdout).toContain('– account: not looked at: database comes first');
    expect(await place.run(['get-token', 'gmail', login])).toMatchObject({ status: 69 });
  });
});
