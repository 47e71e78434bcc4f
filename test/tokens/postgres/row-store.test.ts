/** Accounts in a real PostgreSQL: what is refreshed once, what is never lost, and what a thief can't use. */
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseTokenStore, type PostgresAddress } from '../../../src/config/postgres.js';
import { type Clock, systemClock } from '../../../src/core/clock.js';
import { Secret } from '../../../src/core/secret.js';
import { changedRows } from '../../../src/refresh/database-census.js';
import { refreshOnce, type RequestRefresh } from '../../../src/refresh/refresh-once.js';
import { beginAccountSignIn } from '../../../src/refresh/account-sign-in.js';
import { AccountDatabase } from '../../../src/tokens/postgres/accounts.js';
import { setUpStatement } from '../../../src/tokens/postgres/schema.js';
import { ownIdentity } from '../../../src/tokens/process-identity.js';
import type { TokenStore } from '../../../src/tokens/token.js';
import { type CertificateAuthority, createCertificateAuthority } from '../../support/certificates.js';
import { PostgresServer, ownerPassword, postgresMissing } from '../../support/postgres.js';
import { eventually, Teardown, temporaryDirectory } from '../../support/process.js';
import { refreshedOutcome, testAccount } from '../../support/token-files.js';

const name = 'a@b.example';
const key = (id: string) => `${id} ${randomBytes(32).toString('base64')}\n`;
const oldKey = key('old');
const newKey = key('new');

describe.skipIf(postgresMissing())('accounts in PostgreSQL', () => {
  let server: PostgresServer;
  let authority: CertificateAuthority;
  let removeAuthority: () => Promise<void>;
  let directory: string;
  let database: string;
  let count = 0;
  const teardown = new Teardown();

  beforeAll(async () => {
    const { path, remove } = await temporaryDirectory();
    removeAuthority = remove;
    authority = await createCertificateAuthority(path);
    server = await PostgresServer.start({ tls: await authority.issue('server', { names: ['127.0.0.1'] }) });
  });
  afterAll(async () => {
    await server.end();
    await removeAuthority();
  });
  beforeEach(async () => {
    const temporary = await temporaryDirectory();
    teardown.defer(temporary.remove);
    directory = temporary.path;
    database = `accounts${++count}`;
    await server.sql(`CREATE DATABASE ${database}`);
    await AccountDatabase.setUp(optionsOf());
  });
  afterEach(() => teardown.run());

  function optionsOf(keys = oldKey, clock: Clock = systemClock) {
    const parsed = parseTokenStore(`postgres://owner@127.0.0.1:${server.port}/${database}`);
    const address = ('value' in parsed && parsed.value) as PostgresAddress;
    const settings = {
      ...address,
      password: new Secret(ownerPassword),
      keys: new Secret(keys),
      tls: false,
      caFile: undefined,
    };
    return { settings, keptDirectory: join(directory, 'kept'), clock, random: Math.random };
  }

  async function open(keys = oldKey, clock: Clock = systemClock): Promise<AccountDatabase> {
    const accounts = await AccountDatabase.open(optionsOf(keys, clock));
    teardown.defer(() => accounts.close());
    return accounts;
  }

  async function addAccount(accounts: AccountDatabase, fields: object = {}): Promise<void> {
    const text = { access_token: 'access-0', expiry: '0', refresh_token: 'refresh-0', ...fields };
    await accounts.rows.add(name, JSON.stringify(text), Date.now());
  }

  function refresh(store: TokenStore, requestRefresh: RequestRefresh, stopWriting?: AbortSignal) {
    return refreshOnce({
      account: testAccount(`/nowhere/${name}`),
      store,
      clock: systemClock,
      requestRefresh,
      requestGrant: () => Promise.reject(new Error('no grant is asked for here')),
      mustRefresh: ({ expiresAt }) => expiresAt === 0,
      beforeWritingAgain: () => Promise.resolve(stopWriting?.aborted !== true),
    });
  }

  const stored = async (accounts: AccountDatabase) =>
    JSON.parse((await accounts.rows.readOne(name)).text) as Record<string, unknown>;

  it('one refresh serves all who want one at the same time, wherever they run', async () => {
    const machines = await Promise.all([open(), open(), open()]);
    await addAccount(machines[0], { note: 'not ours' });
    let asked = 0;
    const results = await Promise.all(
      [...machines, ...machines].map((accounts) =>
        refresh(accounts.store(name), () => Promise.resolve(refreshedOutcome(++asked))),
      ),
    );
    expect(asked).toBe(1);
    expect(results.map(({ kind }) => kind).toSorted()).toEqual([
      ...Array<string>(5).fill('found'),
      'refreshed',
    ]);
    expect(await stored(machines[1])).toMatchObject({ refresh_token: 'refresh-1', note: 'not ours' });
  });

  /** Runs `work` when the token endpoint is asked, and then answers. */
  const answering =
    (number: number, work: () => Promise<unknown> = () => Promise.resolve()): RequestRefresh =>
    async () => {
      await work();
      return refreshedOutcome(number);
    };
  const sqlOnAccount = (set: string) => server.sql(`UPDATE mailbearer.account SET ${set}`, database);
  const somebodyElse = `'{"boot":"of another machine","pidNamespace":"","pid":1,"startTime":"","nonce":"n"}'`;

  describe('a lease', () => {
    it('that has ended is taken over, once the database was seen for as long as one lasts', async () => {
      let passedMs = 0;
      const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + passedMs };
      const accounts = await open(oldKey, clock);
      await addAccount(accounts);
      await sqlOnAccount(`lease_owner = ${somebodyElse}, lease_until = now() - interval '1 hour'`);
      const impatient = AbortSignal.timeout(300);
      await expect(
        accounts.store(name).exclusively(() => Promise.resolve(), impatient),
      ).rejects.toMatchObject({ code: 'token-locked' });
      passedMs = 60_000;
      expect(await refresh(accounts.store(name), answering(1))).toMatchObject({ kind: 'refreshed' });
    });

    it('of another machine is waited for until its end, and the one of a process that has gone is not', async () => {
      const accounts = await open(oldKey, { ...systemClock, monotonic: () => performance.now() + 1e6 });
      await addAccount(accounts);
      await sqlOnAccount(`lease_owner = ${somebodyElse}, lease_until = now() + interval '1 hour'`);
      const waiting = accounts.store(name).exclusively(() => Promise.resolve(), AbortSignal.timeout(300));
      await expect(waiting).rejects.toMatchObject({ code: 'token-locked' });
      const gone = { ...(await ownIdentity()), startTime: '1', nonce: 'n' };
      const ownedBy = (place: string) =>
        sqlOnAccount(`lease_owner = '${JSON.stringify({ ...gone, place })}'`);
      // What it left may lie elsewhere.
      await ownedBy('/elsewhere');
      const patient = accounts.store(name).exclusively(() => Promise.resolve(), AbortSignal.timeout(300));
      await expect(patient).rejects.toMatchObject({ code: 'token-locked' });
      await ownedBy(join(directory, 'kept'));
      expect(await refresh(accounts.store(name), answering(1))).toMatchObject({ kind: 'refreshed' });
    });

    it('that can be given up only when the database is back is given up then', async () => {
      const [accounts, other] = [await open(), await open()];
      await addAccount(accounts);
      accounts.watch({
        onChange: () => undefined,
        onReturn: () => Promise.resolve(),
        onLost: () => undefined,
      });
      await accounts.store(name).exclusively(() => server.stop());
      await server.begin();
      expect(await refresh(other.store(name), answering(1))).toMatchObject({ kind: 'refreshed' });
    });

    it('is not used to ask with a token that is no longer the one in the row', async () => {
      const accounts = await open();
      await addAccount(accounts);
      const store = accounts.store(name);
      const asking = store.exclusively(async (locked) => {
        await locked.read();
        await rewrite(accounts, { refresh_token: 'of a new sign-in' });
        return locked.reserve();
      });
      await expect(asking).rejects.toMatchObject({ code: 'token-locked' });
    });
  });

  async function rewrite(accounts: AccountDatabase, fields: object): Promise<void> {
    const row = await accounts.rows.readOne(name);
    const text = JSON.stringify({ ...(JSON.parse(row.text) as object), ...fields });
    expect(await accounts.rows.replace(name, row.version, text, Date.now())).toBeDefined();
  }

  describe('the answer that comes late, when another has the lease,', () => {
    it('is written while the row has the token that it was given for', async () => {
      const accounts = await open();
      await addAccount(accounts);
      const takenOver = () => sqlOnAccount(`lease_owner = ${somebodyElse}`);
      expect(await refresh(accounts.store(name), answering(1, takenOver))).toMatchObject({
        kind: 'refreshed',
      });
      expect(await stored(accounts)).toMatchObject({ refresh_token: 'refresh-1', access_token: 'access-1' });
      // And takes nothing from the one who has it now.
      const [row] = await server.sql('SELECT lease_owner FROM mailbearer.account', database);
      expect(row).toEqual({ lease_owner: somebodyElse.slice(1, -1) });
    });

    it('is dropped when the row has a newer one', async () => {
      const accounts = await open();
      await addAccount(accounts);
      const other = async () => {
        await sqlOnAccount('lease_owner = NULL');
        await refresh((await open()).store(name), answering(2));
      };
      expect(await refresh(accounts.store(name), answering(1, other))).toMatchObject({ kind: 'superseded' });
      expect(await stored(accounts)).toMatchObject({ refresh_token: 'refresh-2' });
    });

    it('is what counts when the one who took over is refused', async () => {
      const accounts = await open();
      await addAccount(accounts);
      const refused: RequestRefresh = async () => {
        await rewrite(accounts, { refresh_token: 'refresh-1', expiry: '2000000000' });
        return { kind: 'needs-person', reason: 'invalid_grant', advice: 'sign in' };
      };
      const result = await refresh(accounts.store(name), refused);
      expect(result.kind === 'superseded' && result.stored.refreshToken?.reveal()).toBe('refresh-1');
    });
  });

  describe('with the database away', () => {
    it('a token that was given is written when it is back', async () => {
      const accounts = await open();
      await addAccount(accounts);
      const result = refresh(
        accounts.store(name),
        answering(1, () => server.stop()),
      );
      await eventually('the answer to be kept', async () => (await keptAnswers()) || undefined);
      await server.begin();
      expect(await result).toMatchObject({ kind: 'refreshed' });
      expect(await stored(accounts)).toMatchObject({ refresh_token: 'refresh-1' });
      expect(await keptAnswers()).toBe(0);
    });

    it('one whose process ends before that is written by the next, unless somebody has signed in', async () => {
      const accounts = await open();
      await addAccount(accounts, { note: 'not ours' });
      const dies = new AbortController();
      dies.abort();
      for (const [number, found] of [
        [1, 'refresh-1'],
        [2, 'of a new sign-in'],
      ] as const) {
        const stop = () => server.stop();
        const result = await refresh(accounts.store(name), answering(number, stop), dies.signal);
        expect(result.kind).toBe('failed');
        await server.begin();
        expect(await keptAnswers()).toBe(1);
        await sqlOnAccount('lease_owner = NULL');
        if (number === 2) await rewrite(accounts, { refresh_token: 'of a new sign-in' });
        await accounts.finishKeptAnswers();
        expect(await stored(accounts)).toMatchObject({ refresh_token: found, note: 'not ours' });
        expect(await keptAnswers()).toBe(0);
        await rewrite(accounts, { expiry: '0' });
      }
    });

    it('says so, and what to look at', async () => {
      const accounts = await open();
      await server.stop();
      await expect(accounts.list()).rejects.toMatchObject({ code: 'store-unavailable' });
      await server.begin();
      expect(await accounts.list()).toEqual([]);
    });
  });

  const keptAnswers = async () =>
    (await readdir(join(directory, 'kept')).catch(() => [])).filter((file) => file.endsWith('.answer'))
      .length;

  describe('at rest', () => {
    it('nothing of a token can be read', async () => {
      const accounts = await open();
      await addAccount(accounts, { client_secret: 'client-secret' });
      const [row] = await server.sql<{ all: string }>(
        `SELECT row_to_json(account)::text || encode(sealed, 'escape') AS all FROM mailbearer.account`,
        database,
      );
      expect(row?.all).toContain(name);
      expect(row?.all).not.toMatch(/refresh|access-|client/);
    });

    it('a row is of no use under another name, under another key id, or changed', async () => {
      const accounts = await open(oldKey + newKey);
      await addAccount(accounts);
      for (const change of [
        `name = 'c@d.example'`,
        `name = '${name}', key_id = 'new'`,
        `key_id = 'old', sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)`,
      ]) {
        await sqlOnAccount(change);
        expect(await accounts.list()).toEqual([
          expect.objectContaining({ problem: expect.objectContaining({ code: 'token-invalid' }) as unknown }),
        ]);
      }
      await sqlOnAccount(`sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)`);
      expect(await stored(accounts)).toMatchObject({ refresh_token: 'refresh-0' });
    });

    it('a key is exchanged while others work, and the old one is needed no more', async () => {
      await addAccount(await open(oldKey));
      const both = await open(newKey + oldKey);
      const { version } = await both.rows.readOne(name);
      expect(await both.rows.rekey()).toBe(1);
      expect(await both.rows.keysInUse()).toEqual(new Map([['new', 1]]));
      expect((await both.rows.readOne(name)).version).toBe(version);
      expect(await stored(await open(newKey))).toMatchObject({ refresh_token: 'refresh-0' });
      const withoutKey = await open(oldKey);
      const [row] = await withoutKey.list();
      expect(row).toMatchObject({ problem: { code: 'token-unreadable' } });
      // Nobody knows what else is in it.
      const unreadable = { code: 'token-unreadable' };
      await expect(withoutKey.signIn(name, {}, true)).rejects.toMatchObject(unreadable);
      const options = {
        clock: systemClock,
        random: Math.random,
        database: withoutKey,
        current: () => undefined,
      };
      const begun = beginAccountSignIn(testAccount(withoutKey.placeOf(name)), 'http://127.0.0.1/', options);
      await expect(begun).rejects.toMatchObject(unreadable);
    });
  });

  it('a change is told of to all who listen, and that they may have missed some', async () => {
    const accounts = await open();
    const heard: string[] = [];
    accounts.watch({
      onChange: (names) => heard.push(...names),
      onReturn: async () => void heard.push('(listening)'),
      onLost: ({ code }) => heard.push(code),
    });
    await eventually('it to listen', () => heard[0]);
    await addAccount(await open());
    await eventually('the change to be told', () => heard[1]);
    await server.stop();
    await eventually('the loss to be told', () => heard[2]);
    await server.begin();
    await eventually('it to listen again', () => heard[3]);
    await (await open()).rows.remove(name);
    await eventually('the removal to be told', () => heard[4]);
    expect(heard).toEqual(['(listening)', name, 'store-unavailable', '(listening)', name]);
  });

  it('of all rows only those that are others are read again', async () => {
    const accounts = await open();
    for (const each of ['same', 'changed', 'gone', 'unusable'])
      await accounts.add(each, '{}', { overwrite: true });
    const known = new Map<string, string | undefined>(
      [...(await accounts.rows.versions())].map(([each, version]) => [accounts.placeOf(each), version]),
    );
    known.set(accounts.placeOf('unusable'), undefined);
    await accounts.add('changed', '{ "note": 1 }', { overwrite: true });
    await accounts.rows.remove('gone');
    await accounts.add('new', '{}', { overwrite: false });
    expect([...(await changedRows(accounts, known))].toSorted()).toEqual([
      'changed',
      'gone',
      'new',
      'unusable',
    ]);
  });

  describe('the schema', () => {
    it('is set up again without harm, by two at once too', async () => {
      await addAccount(await open());
      await Promise.all([AccountDatabase.setUp(optionsOf()), AccountDatabase.setUp(optionsOf())]);
      expect(await (await open()).list()).toHaveLength(1);
    });

    it.each([
      ['DROP SCHEMA mailbearer CASCADE', /no accounts of mailbearer/, /store init/],
      ['DELETE FROM mailbearer.schema_version', /version 0 of the schema/, /store init/],
      ['INSERT INTO mailbearer.schema_version VALUES (99)', /version 99 .* needs \d/, /install the version/],
    ])('%s: is refused with what to do', async (sql, message, hint) => {
      await server.sql(sql, database);
      await expect(open()).rejects.toMatchObject({
        code: 'store-mismatch',
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(hint) as string,
      });
    });
  });

  describe('TLS', () => {
    const openBy = async (caFile: string | undefined, host = '127.0.0.1') => {
      const { settings, ...rest } = optionsOf();
      const accounts = await AccountDatabase.open({
        ...rest,
        settings: { ...settings, host, caFile, tls: true },
      });
      teardown.defer(() => accounts.close());
      return accounts.rows.database.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    };

    it('is spoken with a server whose authority is known', async () => {
      expect(await openBy(authority.certificateFile)).toEqual([{ ssl: true }]);
    });

    it('is refused where authority or name is another', async () => {
      await expect(openBy(undefined)).rejects.toMatchObject({ code: 'store-unavailable' });
      await expect(openBy(authority.certificateFile, 'localhost')).rejects.toMatchObject({
        message: expect.stringMatching(/localhost/) as string,
      });
    });
  });

  it('a role that has what the script gives, and nothing else, can do all of the work', async () => {
    const role = `relay${count}`;
    await server.sql(`CREATE ROLE ${role} LOGIN PASSWORD '${ownerPassword}'`);
    await server.sql(setUpStatement(role), database);
    const { settings, ...rest } = optionsOf();
    const accounts = await AccountDatabase.open({ ...rest, settings: { ...settings, user: role } });
    teardown.defer(() => accounts.close());
    await addAccount(accounts);
    expect(await refresh(accounts.store(name), answering(1))).toMatchObject({ kind: 'refreshed' });
    await accounts.store(name).exclusively((locked) => locked.remove());
    expect(await accounts.list()).toEqual([]);
    await expect(accounts.rows.database.query('CREATE TABLE mailbearer.mine ()')).rejects.toMatchObject({
      code: 'store-mismatch',
    });
  });
});
