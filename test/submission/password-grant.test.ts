/** Passwords that are tried at the provider's token endpoint. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTokenEndpoint, type Step, type TokenEndpoint } from '../support/token-endpoint.js';
import { checksUnderTest } from './checks-under-test.js';

const user = 'user@example.com';
const password = 'p&s=w+ö';
const granted = { body: { access_token: 'token-1' } };
const named = { body: { active: true, email: user } };

let server: TokenEndpoint;
beforeEach(async () => {
  server = await startTokenEndpoint();
});
afterEach(() => server.close());

function checks(oauth2: object = {}) {
  return checksUnderTest({
    introspection_url: server.url.href,
    grant_url: server.url.href,
    use_grant_password: 'yes',
    client_id: 'mail',
    client_secret: 'client secret',
    ...oauth2,
  });
}

describe('use_grant_password', () => {
  it('must be set: grant_url alone takes no passwords', async () => {
    await expect(checks({ use_grant_password: 'no' }).password(user, password)).rejects.toThrow(
      'no passwords',
    );
    expect(server.requests).toEqual([]);
  });

  it('asks grant_url for a token, and the token for its user', async () => {
    server.script(granted, named);
    expect(await checks({ scope: '' }).password('User@Example.com', password)).toBe(user);
    expect(Object.fromEntries(server.requests[0]!.form)).toEqual({
      grant_type: 'password',
      username: 'User@Example.com',
      password,
      client_id: 'mail',
      client_secret: 'client secret',
    });
    expect(server.requests[1]!.headers.authorization).toBe('Bearer token-1');
  });

  it('asks for the scope that is wanted, by Basic authentication where the URL has id and secret', async () => {
    server.script(granted, { body: { email: user, scope: 'smtp' } });
    const grant_url = server.url.href.replace('://', '://id:s@');
    expect(await checks({ grant_url, scope: 'smtp' }).password(user, password)).toBe(user);
    expect(server.requests[0]!.form.get('scope')).toBe('smtp');
    expect(server.requests[0]!.form.get('client_id')).toBeNull();
    expect(server.requests[0]!.headers.authorization).toBe(`Basic ${btoa('id:s')}`);
  });

  it.each([
    ['the password is wrong', [{ status: 400, body: { error: 'invalid_grant' } }]],
    ['the token is of another user', [granted, { body: { email: 'other@example.com' } }]],
    ['the token bears no name', [granted, { body: {} }]],
  ] as const)('refuses where %s', async (_what, steps) => {
    server.script(...steps);
    const tried = checks();
    expect(await tried.password(user, password)).toBe('refused: undefined');
    expect(tried.log).toEqual([expect.stringMatching(/^debug: password refused: /)]);
    expect(tried.log.join()).not.toContain(password);
  });

  it.each([
    [{ status: 401, body: { error: 'invalid_client' } }],
    [{ status: 400, body: { error: 'unsupported_grant_type' } }],
    [{ status: 503 }],
    [{ body: 'no JSON' }],
    ['reset'],
  ] as readonly (readonly [Step])[])(
    'refuses nobody where the provider does not answer: %j',
    async (step) => {
      server.script(step);
      expect(await checks().password(user, password)).toMatch(/^unavailable: 454 grant_url: /);
      server.script(granted, { status: 500 });
      expect(await checks().password(user, password)).toMatch(/^unavailable: 454 introspection_url: /);
    },
  );
});
