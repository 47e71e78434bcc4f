/** Refresh token and client secret in a real gnome-keyring. */
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { signIn } from '../../examples/demo/openid-provider.js';
import { exitStatus } from '../../src/core/errors.js';
import { openTokenDirectory, type TokenDirectory } from '../cli/token-directory.js';
import { login, openWorkplace } from '../cli/workplace.js';
import { ask } from '../status/daemon.js';
import { answerOf, cookieIn, pressAuthorize } from '../status/sign-in-scene.js';
import { PostgresServer, postgresMissing } from '../support/postgres.js';
import { freePort } from '../support/process.js';
import { startKeyring, type TestKeyring } from '../support/keyring.js';
import { runBinary, startBinary } from '../support/run-binary.js';
import { runHere } from '../support/run-here.js';
import { toolsMissing } from './requirements.js';

const user = 'a@corp.example';
const answer = (number: number) => ({
  body: {
    access_token: `A-${number}`,
    refresh_token: `R-${number}`,
    token_type: 'Bearer',
    expires_in: 3600,
  },
});

describe.skipIf(toolsMissing('gnome-keyring', 'dbus', 'libsecret-tools'))('the keyring', () => {
  let keyring: TestKeyring;
  let place: TokenDirectory;
  let file: string;

  beforeAll(async () => {
    keyring = await startKeyring();
  });
  afterAll(() => keyring.stop());
  beforeEach(async () => {
    place = await openTokenDirectory();
    file = join(place.path, user);
    await keepIn('keyring');
  });
  afterEach(() => place.close());

  const keepIn = (store: string, keys: object = {}) =>
    place.configure({
      token_store: store,
      state_dir: place.path,
      relay: { listen: '127.0.0.1:0' },
      accounts: { [user]: { provider: 'corp', ...keys } },
    });
  const environment = () => ({ env: { MAILBEARER_CONFIG: place.configFile, ...keyring.env } });
  const run = (...args: string[]) => runHere(args, environment());
  const refreshWith = () => place.endpoint.requests.at(-1)!.form.get('refresh_token');

  test('gets the secrets of a file before the first refresh, and each new refresh token after that', async () => {
    await place.write(user, { client_id: 'own', client_secret: 'S', note: 'stays' });
    place.endpoint.script(answer(1), answer(2));
    expect(await runBinary(['refresh', user], environment())).toMatchObject({ status: exitStatus.ok });
    expect(await keyring.secretsOf(file)).toEqual({ refresh_token: 'R-1', client_secret: 'S' });
    const kept = await place.read(user);
    expect(kept).toMatchObject({ access_token: 'A-1', refresh_token: '', client_id: 'own', note: 'stays' });
    expect(kept).not.toHaveProperty('client_secret');

    expect(await run('test-token-refresh', file)).toMatchObject({ status: exitStatus.ok });
    const { form } = place.endpoint.requests.at(-1)!;
    expect(Object.fromEntries(form)).toMatchObject({ refresh_token: 'R-1', client_secret: 'S' });
    expect(await keyring.secretsOf(file)).toEqual({ refresh_token: 'R-2', client_secret: 'S' });
    expect(await keyring.names()).toContain(file);
    expect((await keyring.names()).filter((name) => name.includes('written'))).toEqual([]);
  });

  test('gives everything back to the file when the configuration says so', async () => {
    await place.write(user, { client_secret: 'S' });
    place.endpoint.script(answer(1), answer(2));
    await run('refresh', user);
    await keepIn('file');
    expect(await run('refresh', user)).toMatchObject({ status: exitStatus.ok });
    expect(refreshWith()).toBe('R-1');
    expect(await place.read(user)).toMatchObject({ refresh_token: 'R-2', client_secret: 'S' });
    expect(await keyring.secretsOf(file)).toBeUndefined();
  });

  test('loses nothing when a move was cut short: what the file has is newer', async () => {
    await place.write(user, {});
    place.endpoint.script(answer(1), answer(2));
    await run('refresh', user);
    await place.write(user, { refresh_token: 'R-newer' });
    expect(await run('refresh', user)).toMatchObject({ status: exitStatus.ok });
    expect(refreshWith()).toBe('R-newer');
    expect(await keyring.secretsOf(file)).toEqual({ refresh_token: 'R-2' });
  });

  test('has the new refresh token when the program was killed before it wrote the file', async () => {
    await place.write(user, {});
    place.endpoint.script(answer(1), answer(2));
    await run('refresh', user);
    // As a kill between the two leaves it: the keyring is one refresh ahead of the file.
    await place.write(user, { refresh_token: '', access_token: 'old' }, -1);
    expect(await run('token', user)).toMatchObject({ status: exitStatus.ok, stdout: 'A-2\n' });
    expect(refreshWith()).toBe('R-1');
  });

  test('is one for a file and for the links that lead to it', async () => {
    await place.write(user, {});
    const link = join(place.path, '..', 'link@corp.example');
    await symlink(file, link);
    await keepIn('keyring', { token_file: link });
    place.endpoint.script(answer(1));
    expect(await run('refresh', user)).toMatchObject({ status: exitStatus.ok });
    expect(await keyring.secretsOf(file)).toEqual({ refresh_token: 'R-1' });
  });

  test('keeps the secret of an application, of which nobody signs in', async () => {
    await keepIn('keyring', { grant: 'client_credentials' });
    await place.write(user, { refresh_token: undefined, client_id: 'app', client_secret: 'S' });
    for (const round of [1, 2]) {
      place.endpoint.script({ body: { access_token: `A-${round}`, token_type: 'Bearer', expires_in: 3600 } });
      expect(await run('refresh', user)).toMatchObject({ status: exitStatus.ok });
      expect(place.endpoint.requests.at(-1)!.form.get('client_secret')).toBe('S');
      expect(await place.read(user)).not.toHaveProperty('client_secret');
    }
    expect(await keyring.secretsOf(file)).toEqual({ client_secret: 'S' });
  });

  test('is seen by status, and emptied by revoke', async () => {
    const revocation_endpoint = new URL('/revoke', place.endpoint.url).href;
    await keepIn('keyring', { revocation_endpoint });
    await place.write(user, {});
    place.endpoint.script(answer(1), { status: 200, body: '' });
    await run('refresh', user);
    const { accounts } = JSON.parse((await run('status', '--json')).stdout) as { accounts: object[] };
    const first_seen = expect.stringMatching(/^20/) as string;
    expect(accounts[0]).toMatchObject({ state: 'fresh', problem: null, token_store: 'keyring', first_seen });
    expect(await run('revoke', user, '--yes')).toMatchObject({ status: exitStatus.ok });
    expect(place.endpoint.requests.at(-1)!.form.get('token')).toBe('R-1');
    expect(await keyring.secretsOf(file)).toBeUndefined();
    await expect(readFile(file)).rejects.toThrow('ENOENT');
  });

  test('that is locked is found out before the provider is asked, and serve goes on when it is unlocked', async () => {
    await place.write(user, {});
    place.endpoint.script(answer(1), answer(2));
    await run('refresh', user);
    await place.write(user, { refresh_token: '' }, -1);
    await keyring.lock();
    const { status, stderr } = await run('token', user);
    expect(status).toBe(exitStatus.unavailable);
    expect(stderr).toMatch(/keyring cannot be used: it is locked\nhint: unlock it: .*token_store/);
    expect(place.endpoint.requests).toHaveLength(1);
    const serve = startBinary(['serve'], environment());
    await serve.says(/keyring cannot be used/);
    await keyring.unlock();
    await place.endpoint.waitForRequests(2);
    serve.signal('SIGTERM');
    await serve.finished;
    expect(refreshWith()).toBe('R-1');
    expect(await keyring.secretsOf(file)).toEqual({ refresh_token: 'R-2' });
  });

  test('gets the secrets of a sign-in, which the file never sees, and knows the client secret at the next', async () => {
    const workplace = await openWorkplace({ clientSecret: 'client-secret-of-the-test' });
    try {
      await workplace.configure({ token_store: 'keyring' });
      const { configFile, provider, tokenFile } = workplace;
      const env = { MAILBEARER_CONFIG: configFile, ...keyring.env };
      const getToken = async (...options: string[]) => {
        const args = ['get-token', 'gmail', tokenFile, '--no-verify', ...options];
        const command = startBinary(args, { env });
        await signIn((await command.says(/^http:\/\/\S+\/authorize\S+$/m))[0], { login });
        return command.finished;
      };
      const { status, stderr } = await getToken('--client-secret', 'client-secret-of-the-test');
      expect({ status, stderr }).toMatchObject({ status: exitStatus.ok });
      expect(stderr).toContain('secrets are in the keyring');
      expect(await workplace.readToken()).toMatchObject({
        client_id: provider.clientId,
        refresh_token: '',
        access_token: expect.any(String) as string,
      });
      expect(await readFile(tokenFile, 'utf8')).not.toContain('client-secret-of-the-test');
      expect(await keyring.secretsOf(tokenFile)).toEqual({
        refresh_token: expect.any(String) as string,
        client_secret: 'client-secret-of-the-test',
      });
      expect(await runBinary(['refresh', login], { env })).toMatchObject({ status: exitStatus.ok });
      expect(await getToken('--overwrite-existing-token')).toMatchObject({ status: exitStatus.ok });
    } finally {
      await workplace.close();
    }
  });

  test.skipIf(postgresMissing())(
    'goes with the files into PostgreSQL and back, and no field is lost on any of the ways',
    async () => {
      await place.write(user, { client_id: 'own', client_secret: 'S', note: { odd: [1] } });
      place.endpoint.script(answer(1));
      expect(await run('refresh', user)).toMatchObject({ status: exitStatus.ok });
      const inFile = await place.read(user);
      const inKeyring = await keyring.secretsOf(file);
      expect([inFile['refresh_token'], inKeyring]).toEqual([
        '',
        { refresh_token: 'R-1', client_secret: 'S' },
      ]);
      const server = await PostgresServer.start();
      try {
        await place.configure(await server.database('round', join(place.path, '..', 'secrets')));
        for (const args of [
          ['store', 'init'],
          ['store', 'import', file, '--keyring'],
          ['store', 'export', join(place.path, 'plain')],
          ['store', 'import', join(place.path, 'plain', user), '--overwrite'],
          ['store', 'export', join(place.path, 'kept'), '--keyring'],
        ])
          expect(await run(...args)).toMatchObject({ status: exitStatus.ok });
      } finally {
        await server.end();
      }
      const [plain, kept] = [join(place.path, 'plain', user), join(place.path, 'kept', user)];
      expect(JSON.parse(await readFile(plain, 'utf8'))).toEqual({ ...inFile, ...inKeyring });
      expect(await keyring.secretsOf(plain)).toBeUndefined();
      expect(JSON.parse(await readFile(kept, 'utf8'))).toEqual(inFile);
      expect(await keyring.secretsOf(kept)).toEqual(inKeyring);
    },
  );

  test('gets the secrets of a sign-in from the page, which knows the client secret', async () => {
    const secret = 'client-secret-of-the-test';
    const workplace = await openWorkplace({ clientSecret: secret });
    const { configFile, directory, provider, tokenFile } = workplace;
    const where = `127.0.0.1:${await freePort()}`;
    const status = { listen: where };
    await workplace.configure({
      ...{ token_store: 'keyring', state_dir: directory, status, relay: { listen: '127.0.0.1:0' } },
      accounts: { [login]: { provider: 'gmail' } },
    });
    const fields = { client_id: provider.clientId, refresh_token: 'ended', client_secret: secret };
    await workplace.writeToken(fields);
    const serve = startBinary(['serve'], { env: { MAILBEARER_CONFIG: configFile, ...keyring.env } });
    try {
      // The refresh that fails has moved the secrets.
      await serve.says(/invalid_grant/);
      const before = await keyring.secretsOf(tokenFile);
      expect(before).toEqual({ refresh_token: 'ended', client_secret: secret });
      const departure = await pressAuthorize({ directory, where });
      const answer = await answerOf(departure, login);
      expect((await ask(where, answer, { headers: cookieIn(departure) })).status).toBe(200);
      expect(await keyring.secretsOf(tokenFile)).toEqual({
        refresh_token: expect.not.stringMatching(/^ended$/) as string,
        client_secret: secret,
      });
      const { access_token, client_secret, refresh_token } = await workplace.readToken();
      expect([typeof access_token, client_secret, refresh_token]).toEqual(['string', undefined, '']);
    } finally {
      serve.signal('SIGTERM');
      await serve.finished;
      await workplace.close();
    }
  });
});
