import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { openTokenDirectory, type TokenDirectory } from '../cli/token-directory.js';
import { runBinary } from '../support/run-binary.js';

const user = 'a@corp.example';
let place: TokenDirectory;
beforeEach(async () => {
  place = await openTokenDirectory();
});
afterEach(() => place.close());

const run = (...args: string[]) =>
  runBinary(args, {
    env: { MAILBEARER_CONFIG: place.configFile, DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' },
  });
const keepIn = (store: string) =>
  place.configure({ token_store: 'keyring', accounts: { [user]: { token_store: store, provider: 'corp' } } });

describe('where there is no keyring', () => {
  test('a refresh says so before it asks the provider, and the file stays as it is', async () => {
    await keepIn('keyring');
    const file = await place.write(user, {}, -1);
    const before = await readFile(file, 'utf8');
    const { status, stderr } = await run('refresh', user);
    expect(status).toBe(exitStatus.unavailable);
    expect(stderr).toMatch(/the keyring cannot be used: .*\nhint: .*; or set "token_store": "file"/);
    expect(place.endpoint.requests).toEqual([]);
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  test('a sign-in says so before it sends anyone to a browser', async () => {
    await keepIn('keyring');
    const { status, stderr } = await run('get-token', 'corp', join(place.path, user), '--client-secret', 'S');
    expect(status).toBe(exitStatus.unavailable);
    expect(stderr).toContain('the keyring cannot be used');
    expect(stderr).not.toContain('http');
  });

  test('a token that lives is printed all the same', async () => {
    await keepIn('keyring');
    await place.write(user, {});
    expect(await run('token', user)).toMatchObject({ status: exitStatus.ok, stdout: `A-${user}\n` });
  });

  test('nobody misses one whose account keeps its secrets in the file', async () => {
    await keepIn('file');
    await place.write(user, { refresh_token: '' }, -1);
    expect((await run('refresh', user)).stderr).toContain('has no refresh_token');
    await place.write(user, {}, -1);
    expect(await run('refresh', user)).toMatchObject({ status: exitStatus.ok });
  });
});
