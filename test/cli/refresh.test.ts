import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { systemClock } from '../../src/core/clock.js';
import { Secret } from '../../src/core/secret.js';
import { createFileStore } from '../../src/tokens/file-store.js';
import { hasTerminals, startOnTerminal } from '../support/run-binary.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

let place: TokenDirectory;

beforeEach(async () => {
  place = await openTokenDirectory();
});
afterEach(() => place.close());

describe('refresh', () => {
  test('refreshes all accounts when none is named, whatever life they have left, and writes what it got', async () => {
    await place.write('a@corp.example', {});
    await place.write('b@corp.example', { expiry: '0' });
    place.endpoint.script({ body: { access_token: 'new', expires_in: 3600 } });
    const { status, stdout, stderr } = await place.run('refresh');
    expect({ status, stderr }).toEqual({ status: exitStatus.ok, stderr: '' });
    expect(stdout.trimEnd().split('\n').toSorted()).toEqual([
      expect.stringMatching(/^a@corp\.example: refreshed, expires in (1h|59m\d+s)$/),
      expect.stringMatching(/^b@corp\.example: refreshed, expires in (1h|59m\d+s)$/),
    ]);
    expect(await place.read('b@corp.example')).toMatchObject({ access_token: 'new' });
  });

  test('refreshes only those that are named', async () => {
    await place.write('a@corp.example', {});
    await place.write('b@corp.example', {});
    await place.run('refresh', 'b@corp.example');
    expect(place.endpoint.requests.map(({ form }) => form.get('refresh_token'))).toEqual([
      'R-b@corp.example',
    ]);
  });

  test('goes on after a failure, and ends with its status', async () => {
    await place.write('a@corp.example', { refresh_token: '' });
    await place.write('b@corp.example', {});
    place.endpoint.script({ body: { access_token: 'new', expires_in: 3600 } });
    const { status, stdout, stderr } = await place.run('refresh');
    expect(status).toBe(exitStatus.config);
    expect(stdout).toMatch(/^a@corp\.example: failed$/m);
    expect(stdout).toMatch(/^b@corp\.example: refreshed/m);
    expect(stderr).toMatch(/^mailbearer: a@corp\.example: .*no refresh_token\nhint: mailbearer get-token /);
  });

  test('refreshes an account once, by however many names it is called', async () => {
    const file = await place.write('a@corp.example', {});
    place.endpoint.script({ body: { access_token: 'new', expires_in: 3600 } });
    const { status, stdout } = await place.run('refresh', 'A@CORP.example', file, 'a@corp.example');
    expect(status).toBe(exitStatus.ok);
    expect(stdout).toMatch(/^a@corp\.example: refreshed, [^\n]*\n$/);
    expect(place.endpoint.requests).toHaveLength(1);
  });

  test('takes what another process has refreshed while it waited for the lock', async () => {
    const file = await place.write('a@corp.example', {});
    await place.write('b@corp.example', { refresh_token: '' });
    const store = createFileStore({ path: file, clock: systemClock, random: Math.random });
    const { command } = await store.exclusively(async (locked) => {
      const started = place.startBinary('refresh');
      // The other account fails at once: by then both files have been read.
      await started.says(/b@corp\.example: .*no refresh_token/);
      const reservation = await locked.reserve();
      const expiresAt = Date.now() + 3_600_000;
      await reservation.commit({ accessToken: new Secret('A2'), refreshToken: undefined, expiresAt });
      await reservation.release();
      return { command: started };
    });
    expect((await command.finished).stdout).toContain('a@corp.example: refreshed elsewhere');
    expect(place.endpoint.requests).toEqual([]);
  });

  test('ends with the worst status, whichever came first, and lists in the order of the accounts', async () => {
    await place.configure({
      accounts: { 'a@corp.example': { token_endpoint: 'http://127.0.0.1:1/' } },
    });
    await place.write('a@corp.example', {});
    const passing = await place.run('refresh', 'a@corp.example');
    expect(passing.status).toBe(exitStatus.tempFail);
    await place.write('b@corp.example', { refresh_token: '' });
    const { status, stdout } = await place.run('refresh', '--json', 'a@corp.example', 'b@corp.example');
    expect(status).toBe(exitStatus.config);
    const results = JSON.parse(stdout) as { account: string }[];
    expect(results.map(({ account }) => account)).toEqual(['a@corp.example', 'b@corp.example']);
  });

  test.skipIf(!hasTerminals)('shows on a terminal what it is waiting for', async () => {
    const file = await place.write('a@corp.example', {});
    const store = createFileStore({ path: file, clock: systemClock, random: Math.random });
    const { command } = await store.exclusively(async () => {
      const started = startOnTerminal(['refresh'], { env: { MAILBEARER_CONFIG: place.configFile } });
      await started.says(/Refreshing a@corp\.example …$/);
      return { command: started };
    });
    expect((await command.finished).stdout).toMatch(/ …\r\x1b\[Ka@corp\.example: refreshed/);
  });

  test('remembers the age of the sign-in, and its end, for status and serve', async () => {
    const state_dir = join(place.path, '..');
    await place.configure({ state_dir, accounts: { 'a@corp.example': { provider: 'gmail' } } });
    await place.write('a@corp.example', { token_endpoint: place.endpoint.url.href }, 120);
    const body = { access_token: 'new', refresh_token: 'R2', expires_in: 300 };
    place.endpoint.script(
      { body: { ...body, refresh_token_expires_in: 600_000 } },
      { status: 400, body: { error: 'invalid_grant' } },
    );
    const standing = async () => {
      const { stdout } = await place.run('status', '--json');
      return (JSON.parse(stdout) as { accounts: unknown[] }).accounts[0];
    };
    expect(await place.run('token', 'a@corp.example')).toMatchObject({ stdout: 'new\n' });
    expect(await standing()).toMatchObject({
      first_seen: expect.stringMatching(/^20/) as string,
      ends: [{ because: 'announced', warning_days: 7 }],
    });
    expect(await readFile(join(state_dir, 'state.json'), 'utf8')).toContain('last_used');
    expect(await place.run('refresh')).toMatchObject({ status: exitStatus.noPermission });
    expect(await standing()).toMatchObject({
      problem: expect.stringMatching(/^the sign-in of a@corp.example ended on 20/) as string,
      hint: expect.stringMatching(/^mailbearer get-token gmail /) as string,
    });
  });

  test('fails no less and no more where nothing can be remembered', async () => {
    await place.configure({ state_dir: place.configFile });
    await place.write('a@corp.example', {});
    place.endpoint.script({ body: { access_token: 'new', expires_in: 3600 } });
    expect(await place.run('refresh')).toMatchObject({ status: exitStatus.ok, stderr: '' });
  });

  test('--json prints one list', async () => {
    await place.write('a@corp.example', {});
    place.endpoint.script({ body: { access_token: 'new', refresh_token: 'R2', expires_in: 3600 } });
    const { stdout } = await place.run('refresh', '--json');
    expect(JSON.parse(stdout)).toEqual([
      {
        account: 'a@corp.example',
        ok: true,
        refreshed: true,
        refresh_token_replaced: true,
        expires_at: expect.stringMatching(/^20.*Z$/) as string,
        expires_in: expect.closeTo(3600, -2) as number,
      },
    ]);
  });

  test('--json names the place in the documentation, and so do status and doctor', async () => {
    await place.write('a@corp.example', {});
    const error_description = 'AADSTS700082: The refresh token has expired due to inactivity.';
    place.endpoint.script({ status: 400, body: { error: 'invalid_grant', error_description } });
    const refreshed = await place.run('refresh', '--json');
    expect(JSON.parse(refreshed.stdout)).toMatchObject([
      { ok: false, error: { code: 'grant-dead', docs: 'docs/errors.md#grant-dead' } },
    ]);
    const examined = await place.run('doctor', '--json');
    expect(JSON.parse(examined.stdout)).toContainEqual(
      expect.objectContaining({ check: 'refresh', outcome: 'fail', docs: 'docs/errors.md#grant-dead' }),
    );
    await place.write('a@corp.example', { refresh_token: '' });
    const shown = await place.run('status', '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      accounts: [{ docs: 'docs/errors.md#token-invalid', remedy: 'reauthorize' }],
    });
  });

  test('without an account says how to make one', async () => {
    const { status, stderr } = await place.run('refresh');
    expect(status).toBe(exitStatus.config);
    expect(stderr).toContain('hint: sign one in');
  });
});
