import { access, readdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type OpenIdProvider, startOpenIdProvider } from '../../examples/demo/openid-provider.js';
import { systemClock } from '../../src/core/clock.js';
import { exitStatus } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { createFileStore } from '../../src/tokens/file-store.js';
import { hasTerminals, startOnTerminal } from '../support/run-binary.js';
import { obtainTokens } from '../system/sign-in.js';
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
      stderr:
        `The sign-in of ${user} is ended, and ${file} is removed.\n` +
        `hint: take ${user} out of "accounts" in ${place.configFile}, or sign in again\n`,
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

  test('removes the file that a link leads to, and leaves no lock', async () => {
    const target = join(place.path, '..', 'elsewhere');
    await rename(file, target);
    await symlink(target, file);
    expect((await place.run('revoke', user, '--yes')).status).toBe(exitStatus.ok);
    expect(await isThere()).toBe(false);
    expect(await readdir(join(place.path, '..'))).toEqual(['config.json', 'tokens']);
    expect(await readdir(place.path)).toEqual([]);
  });

  test.skipIf(!hasTerminals)(
    'asks a person, waits for a refresh under way, and ends the sign-in by the token that came of it',
    async () => {
      const holder = createFileStore({ path: file, clock: systemClock, random: Math.random });
      const command = await holder.exclusively(async (locked) => {
        const started = startOnTerminal(['revoke', user], { env: { MAILBEARER_CONFIG: place.configFile } });
        await started.says(/remove .*\? \[y\/N\] /);
        started.press('y\r');
        const reservation = await locked.reserve();
        await reservation.commit({
          accessToken: new Secret('A2'),
          refreshToken: new Secret('R2'),
          expiresAt: Date.now() + 3_600_000,
        });
        await reservation.release();
        expect(place.endpoint.requests).toEqual([]);
        return { started };
      });
      expect((await command.started.finished).stdout).toContain('is ended');
      expect(place.endpoint.requests.map(({ form }) => form.get('token'))).toEqual(['R2']);
      expect(await isThere()).toBe(false);
    },
  );

  test.skipIf(!hasTerminals)('changes nothing when the person thinks better of it', async () => {
    const command = startOnTerminal(['revoke', user], { env: { MAILBEARER_CONFIG: place.configFile } });
    await command.says(/\[y\/N\] /);
    command.press('\r');
    expect(await command.finished).toMatchObject({ status: exitStatus.failed });
    expect(place.endpoint.requests).toEqual([]);
    expect(await isThere()).toBe(true);
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

  describe('of an account with an issuer', () => {
    const withProvider = async () => {
      const provider = await startOpenIdProvider({ accounts: [{ sub: 'a', email: user }] });
      onTestFinished(() => provider.close());
      const { refreshToken } = await obtainTokens(provider, user);
      await place.write(user, { refresh_token: refreshToken });
      const { clientId, issuer } = provider;
      await place.configure({ accounts: { [user]: { issuer, client_id: clientId } } });
      return { provider, refreshToken };
    };
    const refreshWith = async ({ clientId, tokenEndpoint }: OpenIdProvider, refreshToken: string) => {
      const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken };
      const reply = await fetch(tokenEndpoint, { method: 'POST', body: new URLSearchParams(form) });
      return ((await reply.json()) as { error?: string }).error;
    };

    test('asks it where, and ends the sign-in there', async () => {
      const { provider, refreshToken } = await withProvider();
      expect(await refreshWith(provider, refreshToken)).toBeUndefined();
      const { status, stderr } = await place.run('revoke', user, '--yes');
      expect({ status, stderr }).toEqual({
        status: exitStatus.ok,
        stderr: expect.stringContaining(
          `The sign-in of ${user} is ended, and ${file} is removed.\n`,
        ) as string,
      });
      expect(await isThere()).toBe(false);
      expect(await refreshWith(provider, refreshToken)).toBe('invalid_grant');
    });

    test('leaves the file where the issuer cannot be asked, or is none', async () => {
      const { provider } = await withProvider();
      await provider.close();
      const away = await place.run('revoke', user, '--yes');
      expect(away).toMatchObject({ status: exitStatus.tempFail });
      expect(away.stderr).toMatch(/where to end the sign-in: .*ECONNREFUSED.*\nhint: nothing was changed/);
      await place.configure({ accounts: { [user]: { issuer: place.endpoint.url.href, client_id: 'id' } } });
      place.endpoint.script({ status: 404, body: '' });
      const none = await place.run('revoke', user, '--yes');
      expect(none).toMatchObject({ status: exitStatus.config });
      expect(none.stderr).toMatch(/is no OpenID provider.*\nhint: check the issuer/);
      expect(await isThere()).toBe(true);
    });

    test('says where to go when it ends no sign-ins', async () => {
      const issuer = place.endpoint.url.origin;
      await place.configure({ accounts: { [user]: { issuer, client_id: 'id' } } });
      place.endpoint.script({ body: { issuer, token_endpoint: `${issuer}/token` } });
      const { status, stderr } = await place.run('revoke', user, '--yes');
      expect(status).toBe(exitStatus.config);
      expect(stderr).toMatch(
        /^mailbearer: http:\S+ cannot be asked to end a sign-in\nhint: name revocation_endpoint/,
      );
      expect(await isThere()).toBe(true);
    });
  });
});
