/** The commands and several daemons with their accounts in one real PostgreSQL. */
import { mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PostgresServer, postgresMissing } from '../support/postgres.js';
import { eventually, freePort, Teardown, temporaryDirectory } from '../support/process.js';
import { greetedClient } from '../support/relay-under-test.js';
import { type Conversation, type Finished, runBinary, startBinary } from '../support/run-binary.js';
import { runHere } from '../support/run-here.js';
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';

const user = 'a@b.example';

describe.skipIf(postgresMissing())('accounts in PostgreSQL', () => {
  let server: PostgresServer;
  let endpoint: TokenEndpoint;
  let upstream: ScriptedUpstream;
  let directory: string;
  let database: string;
  let tokenStore: { token_store: string; postgres: object };
  let count = 0;
  const teardown = new Teardown();

  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.end());
  beforeEach(async () => {
    const temporary = await temporaryDirectory();
    teardown.defer(temporary.remove);
    directory = temporary.path;
    endpoint = await startTokenEndpoint();
    teardown.defer(() => endpoint.close());
    upstream = await startScriptedUpstream();
    teardown.defer(() => upstream.close());
    grant(1);
    database = `fleet${++count}`;
    tokenStore = await server.database(database, join(directory, 'secrets'));
    await configure();
  });
  afterEach(() => teardown.run());

  const configFile = () => join(directory, 'config.json');
  function configure(keys: object = {}): Promise<void> {
    const config = {
      ...tokenStore,
      client_id: 'id',
      token_endpoint: endpoint.url.href,
      relay: { listen: '127.0.0.1:0' },
      accounts: { [user]: { smtp: { host: '127.0.0.1', port: upstream.port, tls: 'none' } } },
      ...keys,
    };
    return writeFile(configFile(), JSON.stringify(config));
  }

  function grant(number: number, seconds = 3600): void {
    const body = {
      access_token: `access-${number}`,
      refresh_token: `refresh-${number}`,
      token_type: 'Bearer',
      expires_in: seconds,
    };
    endpoint.script({ body });
  }

  async function writeToken(fields: object = {}, name = user): Promise<string> {
    const path = join(directory, 'tokens', name);
    await mkdir(join(directory, 'tokens'), { recursive: true });
    const token = { note: { odd: [1] }, access_token: 'access-0', expiry: '1', refresh_token: 'refresh-0' };
    await writeFile(path, JSON.stringify({ ...token, ...fields }));
    return path;
  }

  const env = () => ({ MAILBEARER_CONFIG: configFile(), STATE_DIRECTORY: join(directory, 'state') });
  const run = (...args: string[]): Promise<Finished> => runHere(args, { env: env() });
  const runAlone = (...args: string[]): Promise<Finished> => runBinary(args, { env: env() });
  const outputOf = async (command: Promise<Finished>): Promise<string> => {
    const { status, stderr, stdout } = await command;
    expect(`${status} ${stderr}`).toMatch(/^0 /);
    return stdout;
  };
  const succeed = (...args: string[]): Promise<string> => outputOf(run(...args));

  /** @param first what it says before it is ready */
  async function serve(state = 'state', first = /./): Promise<{ daemon: Conversation; port: number }> {
    const daemon = startBinary(['serve', '--log-level', 'debug'], {
      env: { ...env(), STATE_DIRECTORY: join(directory, state) },
    });
    teardown.defer(async () => {
      daemon.signal('SIGKILL');
      await daemon.finished;
    });
    await daemon.says(first);
    const [, port] = await daemon.says(/"port":(\d+)/);
    await daemon.says(/"msg":"ready"/);
    return { daemon, port: Number(port) };
  }

  async function replyToMail(port: number, sender = user): Promise<string> {
    const client = await greetedClient(port);
    const reply = await client.say(`MAIL FROM:<${sender}>`);
    client.end();
    return reply;
  }

  it('tokens go in, are refreshed there, and come out with all that the file said', async () => {
    const alone = (...args: string[]) => outputOf(runAlone(...args));
    await alone('store', 'init');
    const file = await writeToken();
    const writtenAt = new Date('2026-01-02T03:04:05Z');
    await utimes(file, writtenAt, writtenAt);
    const text = await readFile(file, 'utf8');
    expect(await alone('store', 'import', join(directory, 'tokens'))).toBe(`${user}: imported\n`);

    const out = join(directory, 'out');
    await alone('store', 'export', out, user);
    expect(await readFile(join(out, user), 'utf8')).toBe(text);
    expect(await stat(join(out, user))).toMatchObject({ mtime: writtenAt, mode: 0o100600 });

    expect(await alone('token', user)).toBe('access-1\n');
    expect(await alone('token', user)).toBe('access-1\n');
    expect(endpoint.requests.map(({ form }) => form.get('refresh_token'))).toEqual(['refresh-0']);
    const status = JSON.parse(await alone('status', '--json')) as { accounts: unknown[] };
    expect(status.accounts).toEqual([
      expect.objectContaining({
        account: user,
        token_store: 'postgres',
        token_file: `postgres://127.0.0.1:${server.port}/${database}/${user}`,
      }),
    ]);
    await alone('store', 'export', '--overwrite', out);
    expect(JSON.parse(await readFile(join(out, user), 'utf8'))).toMatchObject({
      note: { odd: [1] },
      refresh_token: 'refresh-1',
    });
    expect(await alone('test-config')).toMatch(/passed/);
  });

  it('what is there already is not replaced unless that is wanted', async () => {
    await succeed('store', 'init');
    const file = await writeToken();
    await succeed('store', 'import', file);
    await writeToken({ refresh_token: 'another' });
    expect(await run('store', 'import', file)).toMatchObject({
      status: 73,
      stderr: expect.stringMatching(/is there already[^]*--overwrite/) as string,
    });
    await succeed('store', 'import', file, '--overwrite');
    const out = join(directory, 'out');
    await succeed('store', 'export', out);
    expect(await readFile(join(out, user), 'utf8')).toContain('another');
    expect(await run('store', 'export', out)).toMatchObject({ status: 73 });
  });

  it('without its tables, or away, the database is what the message speaks of', async () => {
    expect(await run('status')).toMatchObject({
      status: 78,
      stderr: expect.stringMatching(/no accounts of mailbearer[^]*mailbearer store init/) as string,
    });
    await configure({ token_store: `postgres://owner@127.0.0.1:1/${database}` });
    expect(await run('status')).toMatchObject({
      status: 69,
      stdout: '',
      stderr: expect.stringMatching(
        /postgres:\/\/127.0.0.1:1\/.* cannot be reached: .*ECONNREFUSED/,
      ) as string,
    });
    await configure({ token_store: 'file' });
    expect(await run('store', 'rekey')).toMatchObject({ status: 78 });
  });

  it('what waiting does not mend ends the start', async () => {
    const starts = async (config: object) => {
      await configure(config);
      const { status, stderr, stdout } = await runAlone('serve');
      return [status, `${stdout}${stderr}`];
    };
    const said = (words: RegExp) => expect.stringMatching(words) as string;
    expect(await starts({})).toEqual([78, said(/no accounts of mailbearer/)]);
    const of = (role: string, name: string) => `postgres://${role}@127.0.0.1:${server.port}/${name}`;
    expect(await starts({ token_store: of('stranger', database) })).toEqual([
      77,
      said(/refuses the role stranger: password authentication failed[^]*pg_hba\.conf/),
    ]);
    expect(await starts({ token_store: of('owner', 'nowhere') })).toEqual([
      77,
      said(/database "nowhere" does not exist[^]*"token_store"/),
    ]);
  });

  it('a start without the database defers all mail, whatever its sender, until it is there', async () => {
    await succeed('store', 'init');
    await succeed('store', 'import', await writeToken());
    await server.stop();
    const where = `127.0.0.1:${await freePort()}`;
    const shown = async () => {
      const [ready, metrics] = [
        await fetch(`http://${where}/readyz`),
        await fetch(`http://${where}/metrics`),
      ];
      return [ready.status, /^mailbearer_database_up \d/m.exec(await metrics.text())?.[0]];
    };
    await configure({
      relay: { listen: '127.0.0.1:0', unknown_sender: 'reject' },
      status: { listen: where },
    });
    const { daemon, port } = await serve(
      'state',
      /"hint":"see that PostgreSQL runs.*cannot be reached: .*ECONNREFUSED.*other mail is deferred/,
    );
    const stranger = 'x@y.example';
    expect(await replyToMail(port)).toMatch(/^454 4\.7\.0 .*database.*try again later/);
    expect(await replyToMail(port, stranger)).toMatch(/^454 4\.7\.0 .*database/);
    expect(await shown()).toEqual([503, 'mailbearer_database_up 0']);
    // One that is there, but not as it should be, is waited for too.
    await server.begin();
    await server.sql('UPDATE mailbearer.schema_version SET version = version + 1', database);
    await daemon.says(/has version 2 of the schema/);
    await server.sql('UPDATE mailbearer.schema_version SET version = version - 1', database);
    await daemon.says(/answers again/);
    expect(await shown()).toEqual([200, 'mailbearer_database_up 1']);
    expect(await replyToMail(port)).toMatch(/^250 /);
    await succeed('store', 'import', await writeToken({}, 'c@d.example'));
    await daemon.says(/"account":"c@d.example".*account added/);
    expect(await replyToMail(port, stranger)).toMatch(/^550 /);
    await server.stop();
    await daemon.says(/cannot be reached|closed|terminat/);
    // Another machine may have been given an account for it.
    expect(await replyToMail(port, stranger)).toMatch(/^454 4\.7\.0 .*database/);
    // Nor is what is known of accounts given away for a configuration that nobody can serve by.
    daemon.signal('SIGHUP');
    await daemon.says(/"code":"store-unavailable".*configuration refused/);
    expect(await replyToMail(port)).toMatch(/^250 /);
    await server.begin();
  });

  it('the SQL that is printed for the owner is what init runs', async () => {
    const sql = await succeed('store', 'init', '--print');
    await server.sql(sql, database);
    await succeed('store', 'import', await writeToken());
  });

  it('a key is exchanged with one command', async () => {
    await succeed('store', 'init');
    await succeed('store', 'import', await writeToken());
    const keys = join(directory, 'secrets', 'keys');
    const old = await readFile(keys, 'utf8');
    await writeFile(keys, `k2 ${Buffer.alloc(32, 7).toString('base64')}\n${old}`);
    const { stderr, stdout } = await run('store', 'rekey');
    expect(stderr).toContain('1 accounts are encrypted anew, with key k2.');
    expect(stdout).toBe('k2: 1\n');
    await writeFile(keys, (await readFile(keys, 'utf8')).split('\n')[0]!);
    expect(await succeed('token', user)).toBe('access-1\n');
  });

  it('two daemons share an account: one refreshes, both use it, and both know of a new one', async () => {
    await succeed('store', 'init');
    await succeed('store', 'import', await writeToken());
    const [one, other] = await Promise.all([serve('one'), serve('other')]);
    expect(await replyToMail(one.port)).toMatch(/^250 /);
    expect(await replyToMail(other.port)).toMatch(/^250 /);
    expect(endpoint.requests).toHaveLength(1);
    await succeed('store', 'import', await writeToken({}, 'c@d.example'));
    for (const { daemon } of [one, other]) await daemon.says(/"account":"c@d.example".*account added/);
    await server.sql(`DELETE FROM mailbearer.account WHERE name = '${user}'`, database);
    for (const { daemon } of [one, other]) await daemon.says(/"account":"a@b.example".*has no account/);
    expect(await replyToMail(one.port)).toMatch(/^454 /);
  });

  it('a database that is away stops no mail while the token lives, then defers it, and recovers', async () => {
    await succeed('store', 'init');
    await succeed('store', 'import', await writeToken());
    grant(1, 4);
    const { daemon, port } = await serve();
    await daemon.says(/token refreshed/);
    await server.stop();
    await daemon.says(/known tokens are used until they expire/);
    expect(await replyToMail(port)).toMatch(/^250 /);
    const reply = await eventually('the token to expire', async () => {
      const found = await replyToMail(port);
      return found.startsWith('250 ') ? undefined : found;
    });
    expect(reply).toMatch(/^454 4\.7\.0 .*database/);
    grant(2);
    await server.begin();
    await daemon.says(/answers again/);
    await eventually('it to recover', async () =>
      (await replyToMail(port)).startsWith('250 ') ? true : undefined,
    );
    expect(endpoint.requests.at(-1)?.form.get('refresh_token')).toBe('refresh-1');
  });
});
