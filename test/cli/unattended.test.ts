/** Accounts that nobody signs in for, from the command line: with the configuration alone, and no token file yet. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

const user = 'app@corp.example';
let place: TokenDirectory;

beforeEach(async () => {
  place = await openTokenDirectory();
  place.endpoint.script({ body: { access_token: 'A1', expires_in: 3600 } });
});
afterEach(() => place.close());

const configure = (entry: object) =>
  place.configure({ accounts: { [user]: { provider: 'corp', client_secret: 'S', ...entry } } });

describe('an account with client credentials', () => {
  beforeEach(() => configure({ grant: 'client_credentials', scope: 'https://mail.example/.default' }));

  test('gets its first token from get-token, without a question, in a file of its own', async () => {
    const file = join(place.path, user);
    const { status, stdout, stderr } = await place.run('get-token', 'corp', file);
    expect({ status, stdout }).toEqual({ status: exitStatus.ok, stdout: '' });
    expect(stderr).toMatch(/^No sign-in is needed\. A token \(for (1h|59m\d+s)\) is in /);
    expect(await place.read(user)).toEqual({
      access_token: 'A1',
      expiry: expect.stringMatching(/^\d+$/) as string,
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const form = Object.fromEntries(place.endpoint.requests[0]!.form);
    expect(form).toEqual({
      grant_type: 'client_credentials',
      scope: 'https://mail.example/.default',
      client_id: 'id',
      client_secret: 'S',
    });
  });

  test('needs no token file for token, refresh and status', async () => {
    expect((await place.run('status', user)).stdout).toMatch(/broken/);
    expect((await place.run('token', user)).stdout).toBe('A1\n');
    expect(await place.run('status')).toMatchObject({ status: exitStatus.ok, stderr: '' });
    expect((await place.run('refresh')).stdout).toMatch(/refreshed/);
    expect(await place.run('test-config')).toMatchObject({ status: exitStatus.ok });
  });

  test('says what to mend when the secret is refused, and offers no sign-in', async () => {
    place.endpoint.script({
      status: 401,
      body: {
        error: 'invalid_client',
        error_description: 'AADSTS7000222: The provided client secret keys are expired.',
      },
    });
    const { status, stderr } = await place.run('get-token', 'corp', join(place.path, user));
    expect(status).toBe(exitStatus.config);
    expect(stderr).toMatch(/^hint: the client secret has expired: create a new one/m);
    expect(stderr).not.toContain('overwrite');
  });

  test('is sent by serve, which makes the file', async () => {
    await configure({ grant: 'client_credentials', token_file: join(place.path, 'app') });
    const daemon = place.start('serve', '--log-format', 'json');
    await daemon.says(/"msg":"token refreshed"/);
    daemon.signal('SIGTERM');
    await daemon.finished;
    expect(JSON.parse(await readFile(join(place.path, 'app'), 'utf8'))).toMatchObject({ access_token: 'A1' });
  });
});

describe('an account with a command', () => {
  test('has the token that the command prints, and no client id', async () => {
    await place.configure({
      client_id: undefined,
      accounts: {
        [user]: { provider: 'corp', grant: 'command', token_command: ['printf', 'from elsewhere'] },
      },
    });
    expect((await place.run('token', user)).stderr).toContain('printed no token');
    await place.configure({
      client_id: undefined,
      accounts: { [user]: { provider: 'corp', grant: 'command', token_command: 'printf elsewhere' } },
    });
    expect(await place.run('token', user)).toMatchObject({ status: exitStatus.ok, stdout: 'elsewhere\n' });
  });
});
