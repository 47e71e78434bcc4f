import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

const user = 'a@corp.example';
const minutes = 60;
let place: TokenDirectory;

beforeEach(async () => {
  place = await openTokenDirectory();
});
afterEach(() => place.close());

describe('token', () => {
  test('prints a fresh token and nothing else, and asks nobody', async () => {
    await place.write(user, {});
    expect(await place.runBinary('token', user)).toEqual({
      status: exitStatus.ok,
      signal: null,
      stdout: `A-${user}\n`,
      stderr: '',
    });
    expect(place.endpoint.requests).toEqual([]);
  });

  test('refreshes a token that is due, writes it back, and prints the new one', async () => {
    await place.write(user, {}, 2 * minutes);
    place.endpoint.script({ body: { access_token: 'A2', refresh_token: 'R2', expires_in: 3600 } });
    const { status, stdout } = await place.runBinary('token', user);
    expect({ status, stdout }).toEqual({ status: exitStatus.ok, stdout: 'A2\n' });
    expect(await place.read(user)).toMatchObject({ access_token: 'A2', refresh_token: 'R2' });
  });

  test('prints a token that still lives when refreshing fails, with a warning', async () => {
    await place.write(user, {}, 2 * minutes);
    place.endpoint.script({ status: 503, body: {} });
    const { status, stdout, stderr } = await place.run('token', user);
    expect({ status, stdout }).toEqual({ status: exitStatus.ok, stdout: `A-${user}\n` });
    expect(stderr).toMatch(/^warning: .*503.*still lives$/m);
  });

  test('prints nothing when there is none, and says whether waiting helps', async () => {
    await place.write(user, { expiry: '0' });
    place.endpoint.script({ status: 503, body: {} });
    const later = await place.run('token', user);
    expect(later).toMatchObject({ status: exitStatus.tempFail, stdout: '' });
    place.endpoint.script({ status: 400, body: { error: 'invalid_grant' } });
    const never = await place.run('token', user);
    expect(never).toMatchObject({ status: exitStatus.noPermission, stdout: '' });
    expect(never.stderr).toMatch(/^hint: .*mailbearer get-token /m);
  });

  test('of eight at once makes one request', async () => {
    await place.write(user, { expiry: '0' });
    place.endpoint.script({ body: { access_token: 'A2', refresh_token: 'R2', expires_in: 3600 } });
    const all = await Promise.all(Array.from({ length: 8 }, () => place.runBinary('token', user)));
    expect(all.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 8 }, () => 'A2\n'));
    expect(place.endpoint.requests).toHaveLength(1);
  });

  test.each(['xoauth2', 'oauthbearer'])('--sasl %s prints the whole initial response', async (mechanism) => {
    await place.configure({ accounts: { [user]: { provider: 'corp' } } });
    await place.write(user, {});
    const { stdout } = await place.run('token', '--sasl', mechanism, user);
    const said = Buffer.from(stdout, 'base64').toString();
    expect(said).toBe(
      mechanism === 'xoauth2'
        ? `user=${user}\x01auth=Bearer A-${user}\x01\x01`
        : `n,a=${user},\x01host=127.0.0.1\x01port=25\x01auth=Bearer A-${user}\x01\x01`,
    );
  });

  test('names what is there when the account is not, and what was probably meant', async () => {
    await place.write(user, {});
    const wrong = await place.run('token', 'a@corp.exmaple');
    expect(wrong).toMatchObject({ status: exitStatus.config, stdout: '' });
    expect(wrong.stderr).toBe(
      `mailbearer: no account is called a@corp.exmaple\nhint: did you mean ${user}?\n`,
    );
    expect((await place.run('token', 'billing')).stderr).toContain(`hint: known: ${user}\n`);
  });

  test('of a file that is damaged says so, and prints nothing', async () => {
    await writeFile(join(place.path, user), '{');
    const { status, stdout, stderr } = await place.run('token', user);
    expect({ status, stdout }).toEqual({ status: exitStatus.config, stdout: '' });
    expect(stderr).toContain('is damaged');
  });
});
