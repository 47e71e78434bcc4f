import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

const user = 'a@corp.example';
let place: TokenDirectory;
let file: string;

beforeEach(async () => {
  place = await openTokenDirectory();
  file = join(place.path, user);
  await configure({ revocation_endpoint: new URL('/revoke', place.endpoint.url).href });
  await place.write(user, {});
});
afterEach(() => place.close());

const configure = (entry: object) =>
  place.configure({ accounts: { [user]: { provider: 'corp', client_secret: 'S', ...entry } } });

const isThere = () =>
  access(file).then(
    () => true,
    () => false,
  );

describe('revoke', () => {
  test('ends the sign-in at the provider, and then removes the file', async () => {
    place.endpoint.script({ status: 200, body: '' });
    const { status, stderr } = await place.run('revoke', user, '--yes');
    expect({ status, stderr }).toEqual({
      status: exitStatus.ok,
      stderr: `The sign-in of ${user} is ended, and ${file} is removed.\n`,
    });
    const { form, path } = place.endpoint.requests[0]!;
    expect(path).toBe('/revoke');
    expect(Object.fromEntries(form)).toEqual({
      token: `R-${user}`,
      token_type_hint: 'refresh_token',
      client_id: 'id',
      client_secret: 'S',
    });
    expect(await isThere()).toBe(false);
  });

  test('of a sign-in that had ended removes the file too', async () => {
    place.endpoint.script({ status: 400, body: { error: 'invalid_token' } });
    expect((await place.run('revoke', user, '--yes')).stderr).toContain('had ended already');
    expect(await isThere()).toBe(false);
  });

  test.each([
    [{ status: 503, body: '' }, exitStatus.tempFail],
    [{ status: 401, body: { error: 'invalid_client', error_description: `R-${user}` } }, exitStatus.config],
    ['reset', exitStatus.tempFail],
  ] as const)('that the provider does not carry out leaves the file: %j', async (step, expected) => {
    place.endpoint.script(step);
    const { status, stderr } = await place.run('revoke', user, '--yes');
    expect(status).toBe(expected);
    expect(stderr).toMatch(/^hint: /m);
    expect(stderr).not.toContain(`R-${user}`);
    expect(await isThere()).toBe(true);
  });

  test('asks a person first, and without one wants --yes', async () => {
    const { status, stderr } = await place.run('revoke', user);
    expect(status).toBe(exitStatus.usage);
    expect(stderr).toContain('hint: add --yes');
    expect(place.endpoint.requests).toEqual([]);
  });

  test('says where to go when the provider cannot be asked', async () => {
    await configure({ revocation_endpoint: undefined });
    const { status, stderr } = await place.run('revoke', user, '--yes');
    expect(status).toBe(exitStatus.config);
    expect(stderr).toContain('revocation_endpoint');
    expect(await isThere()).toBe(true);
  });
});
