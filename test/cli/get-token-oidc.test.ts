/** Any OpenID provider, known by its issuer alone: from discovery to a session at one's own server. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { approveDevice, signIn } from '../../examples/demo/openid-provider.js';
import { exitStatus } from '../../src/core/errors.js';
import { parseConfig } from '../../src/config/parse.js';
import { login, openWorkplace, type Workplace } from './workplace.js';

const bob = 'bob@example.test';
let place: Workplace;
beforeEach(async () => {
  const accounts = [login, bob].map((email) => ({ sub: email, email }));
  place = await openWorkplace({ accounts, userinfo: true });
  const smtp = { host: '127.0.0.1', port: place.upstream.port, tls: 'none' };
  await place.configure({ providers: { oidc: { scope: 'offline_access smtp', smtp } } });
  place.upstream.script = (event) =>
    event.startsWith('EHLO') ? '250-mail.example.test\r\n250 AUTH OAUTHBEARER\r\n' : undefined;
});
afterEach(() => place.close());

const start = (...flags: string[]) =>
  place.start(['get-token', 'oidc', place.tokenFile, '--issuer', place.provider.issuer, ...flags]);

async function signInAs(who: string) {
  const command = start();
  const [url] = await command.says(/^http:\/\/\S+\/authorize\S+$/m);
  expect(new URL(url).searchParams.get('scope')).toBe('openid email profile offline_access smtp');
  await signIn(url, { login: who });
  return command.finished;
}

describe('get-token oidc', () => {
  test('finds the endpoints, logs in with OAUTHBEARER, and prints what keeps the account fresh', async () => {
    const { status, stdout, stderr } = await signInAs(login);
    expect(stderr).toContain(`127.0.0.1:${place.upstream.port} takes the token for ${login}.`);
    expect(status).toBe(exitStatus.ok);
    expect(place.upstream.lines.join('\n')).toContain('AUTH OAUTHBEARER');
    const { issuer, tokenEndpoint } = place.provider;
    const entry = JSON.parse(stdout) as { accounts: object };
    expect(entry).toEqual({ accounts: { [login]: { provider: 'oidc', issuer } } });
    expect(parseConfig(entry, undefined).warnings).toEqual([]);
    expect(await place.readToken()).toMatchObject({ token_endpoint: tokenEndpoint });

    const config = JSON.parse(await readFile(place.configFile, 'utf8')) as object;
    await writeFile(place.configFile, JSON.stringify({ ...config, ...entry }));
    expect(await place.run(['refresh', login])).toMatchObject({ status: exitStatus.ok });
    expect(place.provider.requests.at(-1)).toMatchObject({ grantType: 'refresh_token', status: 200 });
  });

  test('asks the userinfo endpoint who signed in, and refuses somebody else', async () => {
    const { status, stderr } = await signInAs(bob);
    expect(status).toBe(exitStatus.noPermission);
    expect(stderr).toContain(`${bob} has signed in, and the file is for ${login}`);
    expect(stderr).toContain(`--user shared:${login}`);
  });

  test('knows the device flow where the provider has it', async () => {
    const command = start('--use-device-flow');
    const [, page = '', code = ''] = await command.says(/^ {2}(http\S+)\n {2}(\S+)$/m);
    await approveDevice(page, code, { login });
    expect((await command.finished).status).toBe(exitStatus.ok);
  });

  test('wants an issuer, and says so', async () => {
    const { status, stderr } = await place.run(['get-token', 'oidc', place.tokenFile]);
    expect(status).toBe(exitStatus.usage);
    expect(stderr).toMatch(/nothing says which\nhint: add --issuer/);
    const gmail = await place.run(['get-token', 'gmail', place.tokenFile, '--issuer', 'https://x.example']);
    expect(gmail.stderr).toContain('--issuer is for oidc, not for gmail');
  });

  test.each(['/elsewhere', '/authorize'])('says what is wrong with an issuer at %s', async (path) => {
    const issuer = place.provider.issuer + path;
    const { status, stderr } = await place.run(['get-token', 'oidc', place.tokenFile, '--issuer', issuer]);
    expect(status).toBe(exitStatus.config);
    expect(stderr).toMatch(/is no OpenID provider: .*\nhint: check the issuer/);
  });
});

test('an account that names only its issuer is kept fresh', async () => {
  const { issuer } = place.provider;
  await signInAs(login);
  const { refresh_token } = await place.readToken();
  await place.writeToken({ refresh_token });
  await place.configure({ accounts: { [login]: { issuer } } });
  expect(await place.run(['refresh', login])).toMatchObject({ status: exitStatus.ok });
  expect(await place.readToken()).toHaveProperty('access_token');
});
