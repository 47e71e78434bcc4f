import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signIn } from '../../examples/demo/openid-provider.js';
import { exitStatus } from '../../src/core/errors.js';
import type { Finished } from '../support/run-binary.js';
import type { HereOptions } from '../support/run-here.js';
import { login, openWorkplace, type Workplace } from './workplace.js';

/** Debian's `nobody`: a user who may do nothing. */
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;

let place: Workplace;
beforeEach(async () => {
  place = await openWorkplace();
});
afterEach(() => place.close());

/** Runs get-token and signs in at the page that it shows. */
async function signInWith(args: readonly string[], options?: HereOptions): Promise<Finished> {
  const command = place.start(['get-token', ...args], options);
  const [url] = await command.says(/^http:\/\/\S+\/authorize\S+$/m);
  await signIn(url, { login });
  return command.finished;
}

describe('what is wrong with FILE is said before anyone is sent to a browser', () => {
  async function refusal(file: string, command = place.run(['get-token', 'gmail', file])): Promise<string> {
    const { status, stdout, stderr } = await command;
    expect({ status, stdout }).toEqual({ status: exitStatus.cantCreate, stdout: '' });
    expect(stderr).not.toContain('authorize');
    return stderr;
  }

  test('it exists, and nobody said that it may be replaced', async () => {
    await place.writeToken({ refresh_token: 'old' });
    expect(await refusal(place.tokenFile)).toMatch(/already\nhint: .*--overwrite-existing-token/);
    expect(await place.readToken()).toEqual({ refresh_token: 'old' });
  });

  test('its directory does not exist', async () => {
    const stderr = await refusal(join(place.directory, 'missing', 'token'));
    expect(stderr).toContain(
      `hint: make the directory: install -d -m 0700 ${join(place.directory, 'missing')}`,
    );
  });

  test('it is a directory', async () => {
    await mkdir(place.tokenFile);
    expect(await refusal(place.tokenFile)).toMatch(/it is a directory.*\nhint: /);
  });

  test.skipIf(!isRoot)('its directory is not writable for the user', async () => {
    await chmod(place.tokenDirectory, 0o755);
    const stderr = await refusal(
      place.tokenFile,
      place.runBinary(['get-token', 'gmail', place.tokenFile], { userId: nobody }),
    );
    expect(stderr).toMatch(/EACCES.*\nhint: .*chown 65534 /);
  });
});

test("with one's own provider and offline_access gives a token that can be refreshed", async () => {
  const { authorizationEndpoint, tokenEndpoint } = place.provider;
  const corp = {
    authorization_endpoint: authorizationEndpoint,
    token_endpoint: tokenEndpoint,
    scope: 'smtp offline_access',
    smtp: { host: '127.0.0.1', port: place.upstream.port, tls: 'none' },
  };
  await place.configure({ providers: { corp } });
  expect((await signInWith(['corp', place.tokenFile])).status).toBe(exitStatus.ok);
  const { status, stdout } = await place.run(['test-token-refresh', place.tokenFile]);
  expect([status, stdout]).toEqual([exitStatus.ok, 'Config check passed.\nToken refresh succeeded.\n']);
});

describe('get-token --overwrite-existing-token', () => {
  test('keeps client, secret and unknown fields of the file, and asks for none of them again', async () => {
    await place.configure({ client_id: 'another client' });
    const kept = { client_id: place.provider.clientId, client_secret: '', note: 'by hand' };
    await place.writeToken({ ...kept, refresh_token: 'dead', access_token: 'old', expiry: '1' });
    const { status } = await signInWith(['gmail', place.tokenFile, '--overwrite-existing-token']);
    expect(status).toBe(exitStatus.ok);
    const token = await place.readToken();
    expect(token).toMatchObject(kept);
    expect(token['refresh_token']).not.toBe('dead');
    expect(Number(token['expiry'])).toBeGreaterThan(1);
  });

  test('keeps its mode, and warns where that lets strangers read the new token', async () => {
    await place.writeToken({ refresh_token: 'dead' });
    await chmod(place.tokenFile, 0o644);
    const { status, stderr } = await signInWith(['gmail', place.tokenFile, '--overwrite-existing-token']);
    expect(status).toBe(exitStatus.ok);
    expect((await stat(place.tokenFile)).mode & 0o777).toBe(0o644);
    expect(stderr).toContain(`hint: chmod o= ${place.tokenFile}\n`);
  });

  test('replaces a file that is damaged', async () => {
    await place.writeToken('{ "refresh_token": "cut o');
    expect((await signInWith(['gmail', place.tokenFile, '--overwrite-existing-token'])).status).toBe(0);
    expect(await place.readToken()).toHaveProperty('refresh_token');
  });
});

describe('the client of a sign-in', () => {
  test('has to be known, by flag, configuration or answer', async () => {
    await place.configure({ client_id: undefined });
    const silent = await place.run(['get-token', 'gmail', place.tokenFile]);
    expect(silent.status).toBe(exitStatus.config);
    expect(silent.stderr).toMatch(/no client ID is known.*\nhint: give --client-id/);

    const { status } = await signInWith(['gmail', place.tokenFile, '--client-id', place.provider.clientId]);
    expect(status).toBe(exitStatus.ok);
  });

  test('may be typed, with its secret, on standard input', async () => {
    await place.configure({ client_id: undefined });
    const command = place.start(['get-token', 'gmail', place.tokenFile]);
    await command.says(/Client ID: $/);
    command.type(place.provider.clientId);
    await command.says(/Client secret .*: $/);
    command.type('');
    const [url] = await command.says(/^http:\/\/\S+\/authorize\S+$/m);
    await signIn(url, { login });
    expect((await command.finished).status).toBe(exitStatus.ok);
  });

  test.each([
    [['--client-id', 'CLIENT_ID_GOES_HERE'], 'client ID'],
    [['--client-secret', 'client secret goes here'], 'client secret'],
  ])('may not be a placeholder: %j', async (flags, what) => {
    const { status, stderr } = await place.run(['get-token', 'gmail', place.tokenFile, ...flags]);
    expect(status).toBe(exitStatus.usage);
    expect(stderr).toMatch(new RegExp(`the ${what} still holds a placeholder.*\nhint: `));
  });

  test('is refused by the provider with advice when it is wrong', async () => {
    const { status, stderr } = await place.run([
      ...['get-token', 'outlook', place.tokenFile, '--use-device-flow'],
      ...['--client-id', 'nobody-knows-me'],
    ]);
    expect(status).toBe(exitStatus.config);
    expect(stderr).toMatch(/invalid_client.*\nhint: check client_id/);
  });
});

describe('a provider', () => {
  test('of the configuration signs in by its name', async () => {
    const { authorizationEndpoint, tokenEndpoint } = place.provider;
    const smtp = { host: '127.0.0.1', port: place.upstream.port, tls: 'none' };
    const corp = {
      authorization_endpoint: authorizationEndpoint,
      token_endpoint: tokenEndpoint,
      scope: 'openid offline_access smtp',
      smtp,
    };
    await place.configure({ providers: { corp } });
    const { status, stderr } = await signInWith(['corp', place.tokenFile]);
    expect(status).toBe(exitStatus.ok);
    expect(stderr).not.toContain('warning');
  });

  test('that nobody knows is refused, and the known ones are named', async () => {
    const { status, stderr } = await place.run(['get-token', 'gmial', place.tokenFile]);
    expect(status).toBe(exitStatus.config);
    expect(stderr).toMatch(
      /no provider is called "gmial"; did you mean "gmail"\?\nhint: use one of fastmail, gmail/,
    );
  });

  test('without the endpoint that is needed is refused, and the key is named', async () => {
    await place.configure({ providers: { corp: { token_endpoint: place.provider.tokenEndpoint } } });
    const { status, stderr } = await place.run(['get-token', 'corp', place.tokenFile]);
    expect(status).toBe(exitStatus.config);
    expect(stderr).toContain('hint: add providers.corp.authorization_endpoint');
  });

  test('that is not Microsoft has no tenants', async () => {
    const args = ['get-token', 'outlook', place.tokenFile, '--use-device-flow', '--tenant', 'corp.example'];
    const { status, stderr } = await place.run(args);
    expect(status).toBe(exitStatus.usage);
    expect(stderr).toMatch(/--tenant is for Microsoft/);
  });
});

test('--user is written into the file, and its lack is noticed when the file is not named after it', async () => {
  const named = join(place.tokenDirectory, 'printer');
  const without = await signInWith(['gmail', named]);
  expect(without.status).toBe(exitStatus.ok);
  expect(without.stderr).toMatch(/warning: .*no login name\nhint: add "user"/);

  const again = await signInWith([
    'gmail',
    named,
    '--overwrite-existing-token',
    '--user',
    'shared:a@b.example',
  ]);
  expect(again.stderr).not.toContain('warning');
  expect(await place.readToken(named)).toMatchObject({ user: 'a@b.example' });
});

test('nothing but the token file is left in its directory', async () => {
  await signInWith(['gmail', place.tokenFile]);
  expect(await readdir(place.tokenDirectory)).toEqual([login]);
});

test('a configuration that cannot be read stops the sign-in before it begins', async () => {
  await writeFile(place.configFile, '{ "client_id": ');
  const { status, stderr } = await place.run(['get-token', 'gmail', place.tokenFile]);
  expect(status).toBe(exitStatus.config);
  expect(stderr).toMatch(/line 1, column \d+.*\nhint: /);
});
