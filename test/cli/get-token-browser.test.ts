import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { signIn } from '../../examples/demo/openid-provider.js';
import { exitStatus } from '../../src/core/errors.js';
import type { Talk } from '../support/run-binary.js';
import { login, openWorkplace, type Workplace } from './workplace.js';

let place: Workplace;
beforeEach(async () => {
  place = await openWorkplace();
});
afterEach(() => place.close());

/** The page that the command wants opened. */
async function authorizationUrl(command: Talk): Promise<string> {
  return (await command.says(/^http:\/\/\S+\/authorize\S+$/m))[0];
}

describe('get-token with a browser', () => {
  test('signs in by the redirect and writes a file that is enough by itself', async () => {
    const command = place.start(['get-token', 'gmail', place.tokenFile]);
    const { page, status: pageStatus } = await signIn(await authorizationUrl(command), { login });
    const { status, stdout, stderr } = await command.finished;

    expect({ status, stdout }).toEqual({ status: exitStatus.ok, stdout: '' });
    expect(pageStatus).toBe(200);
    expect(page).toContain('Signed in');
    expect(stderr).toContain(`mailbearer test-token-refresh ${place.tokenFile}`);
    expect(stderr).not.toContain('warning');
    expect(await place.readToken()).toEqual({
      client_id: place.provider.clientId,
      client_secret: '',
      token_endpoint: place.provider.tokenEndpoint,
      access_token: expect.any(String) as string,
      refresh_token: expect.any(String) as string,
      expiry: expect.stringMatching(/^\d{10}$/) as string,
    });
    expect((await stat(place.tokenFile)).mode & 0o777).toBe(0o600);
  });

  test('takes the address of the failed page, pasted, while it waits for the browser', async () => {
    const command = place.start(['get-token', 'gmail', place.tokenFile]);
    const { url } = await signIn(await authorizationUrl(command), { login, follow: false });
    command.type(url);
    expect((await command.finished).status).toBe(exitStatus.ok);
    expect(await place.readToken()).toHaveProperty('refresh_token');
  });

  test('explains a pasted text that is no answer, and takes the next one', async () => {
    const command = place.start(['get-token', 'gmail', place.tokenFile]);
    const { url } = await signIn(await authorizationUrl(command), { login, follow: false });
    command.type('http://127.0.0.1/?code=stolen&state=wrong');
    await command.says(/not the address that the sign-in ended at.*\nhint: .*address bar/);
    command.type('');
    command.type(url);
    expect((await command.finished).status).toBe(exitStatus.ok);
  });

  test('answers a callback with a wrong state with 400, and goes on waiting', async () => {
    const command = place.start(['get-token', 'gmail', place.tokenFile]);
    const url = await authorizationUrl(command);
    const redirect = new URL(url).searchParams.get('redirect_uri');
    expect((await fetch(`${redirect}?code=stolen&state=wrong`)).status).toBe(400);
    await signIn(url, { login });
    expect((await command.finished).status).toBe(exitStatus.ok);
  });

  test('ends when the person says no, with advice and without a file', async () => {
    const command = place.start(['get-token', 'gmail', place.tokenFile]);
    await signIn(await authorizationUrl(command), { login, deny: true });
    const { status, stderr } = await command.finished;
    expect(status).toBe(exitStatus.noPermission);
    expect(stderr).toMatch(/mailbearer: .*access_denied/);
    expect(stderr).toMatch(/^hint: /m);
    await expect(place.readToken()).rejects.toThrow('ENOENT');
  });

  test('needs nobody at the terminal: the end of input leaves the browser', async () => {
    const command = place.start(['get-token', 'gmail', place.tokenFile]);
    const url = await authorizationUrl(command);
    command.endInput();
    await signIn(url, { login });
    expect((await command.finished).status).toBe(exitStatus.ok);
  });

  test.each([{ file: ['-'] }, { file: [] }])(
    'writes only JSON to standard output with $file',
    async ({ file }) => {
      const command = place.start(['get-token', 'gmail', ...file]);
      await signIn(await authorizationUrl(command), { login });
      const { status, stdout } = await command.finished;
      expect(status).toBe(exitStatus.ok);
      expect(JSON.parse(stdout)).toMatchObject({
        client_id: place.provider.clientId,
        expiry: expect.any(String),
      });
    },
  );

  test('ends with 130 and a line at Ctrl-C', async () => {
    const command = place.startBinary(['get-token', 'gmail', place.tokenFile]);
    await authorizationUrl(command);
    command.signal('SIGINT');
    const { status, stderr } = await command.finished;
    expect(status).toBe(130);
    expect(stderr).toMatch(/^mailbearer: interrupted$/m);
  });

  test('shows all three ways on standard error, and where it listens', async () => {
    const command = place.startBinary(['get-token', 'gmail', place.tokenFile, '--local-listen-port', '0']);
    const redirect = new URL(await authorizationUrl(command)).searchParams.get('redirect_uri')!;
    const { port, hostname } = new URL(redirect);
    await command.says(new RegExp(String.raw`\(http://127\.0\.0\.1:${port}/\?…\) and paste it here`));
    await command.says(new RegExp(String.raw`ssh -L ${port}:127\.0\.0\.1:${port} `));
    expect(hostname).toBe('127.0.0.1');
    command.signal('SIGTERM');
    expect((await command.finished).status).toBe(143);
  });

  test('speaks of the device flow where a redirect may be refused and the device flow would do', async () => {
    const outlook = place.startBinary(['get-token', 'outlook', place.tokenFile]);
    await outlook.says(/as a redirect.*[^]*--use-device-flow/);
    outlook.signal('SIGINT');
    await outlook.finished;
    const gmail = place.startBinary(['get-token', 'gmail', place.tokenFile]);
    await gmail.says(/Ctrl-C gives up/);
    gmail.signal('SIGINT');
    expect((await gmail.finished).stderr).not.toContain('--use-device-flow');
  });

  test('takes a free port when the usual one is taken, but not instead of the one that was asked for', async () => {
    const occupant = createServer();
    // Another test's sign-in may have it for a moment. Who has it for longer, such as a connection that the kernel
    // gave this very port, does as well as we.
    await vi
      .waitFor(
        async () => {
          occupant.listen(54_332, '127.0.0.1');
          await once(occupant, 'listening');
        },
        { timeout: 5_000, interval: 200 },
      )
      .catch(() => undefined);
    try {
      const command = place.startBinary(['get-token', 'gmail', place.tokenFile]);
      const redirect = new URL(await authorizationUrl(command)).searchParams.get('redirect_uri')!;
      expect(new URL(redirect).port).not.toBe('54332');
      command.signal('SIGINT');
      await command.finished;

      const asked = await place.run(['get-token', 'gmail', place.tokenFile, '--local-listen-port', '54332']);
      expect(asked.status).toBe(exitStatus.unavailable);
      expect(asked.stderr).toMatch(/cannot listen on 127\.0\.0\.1:54332.*\nhint: .*--local-listen-port/);
    } finally {
      occupant.close();
    }
  });
});

describe('get-token outlook', () => {
  test('signs in by a redirect to localhost, which is what Microsoft has registered', async () => {
    const command = place.start(['get-token', 'outlook', place.tokenFile]);
    const url = await authorizationUrl(command);
    expect(new URL(url).searchParams.get('redirect_uri')).toMatch(/^http:\/\/localhost:\d+$/);
    const { status } = await signIn(url, { login });
    expect(status).toBe(200);
    expect((await command.finished).status).toBe(exitStatus.ok);
    expect(await place.readToken()).toHaveProperty('refresh_token');
  });

  test("takes the address of Microsoft's own page, and listens nowhere", async () => {
    const nativeClient = 'https://login.microsoftonline.com/common/oauth2/nativeclient';
    await place.close();
    place = await openWorkplace({ redirectUris: [nativeClient] });
    const command = place.start(['get-token', 'outlook', place.tokenFile, '--use-native-client']);
    const { url } = await signIn(await authorizationUrl(command), { login, follow: false });
    expect(url.startsWith(`${nativeClient}?code=`)).toBe(true);
    await command.says(/Copy its whole address/);
    command.type(url);
    const { status, stderr } = await command.finished;
    expect(status).toBe(exitStatus.ok);
    expect(stderr).not.toContain('ssh -L');
    expect(await place.readToken()).toHaveProperty('refresh_token');
  });

  test('has a page that shows the answer, and Gmail has none', async () => {
    const { status, stderr } = await place.run([
      'get-token',
      'gmail',
      place.tokenFile,
      '--use-native-client',
    ]);
    expect(status).toBe(exitStatus.usage);
    expect(stderr).toContain('hint: leave --use-native-client out');
  });
});

describe('get-token at an address that no preset knows', () => {
  test('prints the provider that the token endpoint does not tell', async () => {
    const { port } = place.upstream;
    const smtp = { host: '127.0.0.1', port, tls: 'none' };
    await place.configure({
      providers: { microsoft365: { smtp, authorization_endpoint: place.provider.authorizationEndpoint } },
      accounts: { [login]: { token_endpoint: place.provider.tokenEndpoint } },
    });
    const command = place.start(['get-token', 'microsoft365', place.tokenFile]);
    await signIn(await authorizationUrl(command), { login });
    const { status, stdout, stderr } = await command.finished;
    expect(status).toBe(exitStatus.ok);
    expect(JSON.parse(stdout)).toEqual({ accounts: { [login]: { provider: 'microsoft365' } } });
    expect(stderr).toContain(`This must stand in ${place.configFile}`);
  });
});

describe('after the sign-in', () => {
  const signedIn = async (...flags: string[]) => {
    const command = place.start(['get-token', 'gmail', place.tokenFile, ...flags]);
    await signIn(await authorizationUrl(command), { login });
    return command.finished;
  };

  test('the SMTP server is asked whether it takes the token, and no mail is sent', async () => {
    const { status, stderr } = await signedIn();
    expect(status).toBe(exitStatus.ok);
    expect(stderr).toContain(`127.0.0.1:${place.upstream.port} takes the token for ${login}.`);
    const { access_token: token } = await place.readToken();
    const response = Buffer.from(`user=${login}\x01auth=Bearer ${String(token)}\x01\x01`).toString('base64');
    expect(place.upstream.lines.join('\n')).toContain(response);
    expect(place.upstream.lines.join('\n')).not.toContain('MAIL');
  });

  test('a refusal is told in words, with what mends it, and the file stays', async () => {
    place.upstream.script = (event) =>
      event.startsWith('AUTH')
        ? '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.\r\n'
        : undefined;
    const { status, stderr } = await signedIn();
    expect(status).toBe(exitStatus.failed);
    expect(stderr).toMatch(
      /^mailbearer: the sign-in is complete, but 127\.0\.0\.1:\d+ does not take it: .*disabled for the Tenant.*\nhint: SMTP AUTH is off/m,
    );
    expect(await place.readToken()).toHaveProperty('refresh_token');
  });

  test('a server that is away is only a warning', async () => {
    await place.upstream.close();
    const { status, stderr } = await signedIn();
    expect(status).toBe(exitStatus.ok);
    expect(stderr).toMatch(
      /^warning: whether 127\.0\.0\.1:\d+ takes the token could not be seen: .*ECONNREFUSED/m,
    );
  });

  test('nobody is asked with --no-verify', async () => {
    expect((await signedIn('--no-verify')).status).toBe(exitStatus.ok);
    expect(place.upstream.connections).toBe(0);
  });
});

describe('the one who signs in', () => {
  const bob = 'bob@example.test';
  beforeEach(async () => {
    await place.close();
    const accounts = [login, bob].map((email) => ({ sub: email, email }));
    place = await openWorkplace({ accounts });
    const { authorizationEndpoint, tokenEndpoint } = place.provider;
    const smtp = { host: '127.0.0.1', port: place.upstream.port, tls: 'none' };
    const endpoints = { authorization_endpoint: authorizationEndpoint, token_endpoint: tokenEndpoint };
    await place.configure({ providers: { gmail: { ...endpoints, scope: 'offline_access smtp', smtp } } });
  });

  const signInAs = async (who: string, file: string, ...flags: string[]) => {
    const command = place.start(['get-token', 'gmail', file, ...flags]);
    const url = await authorizationUrl(command);
    expect(new URL(url).searchParams.get('scope')).toBe('openid email offline_access smtp');
    await signIn(url, { login: who });
    return command.finished;
  };

  test('is the one that the file is named after', async () => {
    expect((await signInAs(login, place.tokenFile)).status).toBe(exitStatus.ok);
  });

  test('is refused with both names when it is somebody else, and nothing is written', async () => {
    const { status, stderr } = await signInAs(bob, place.tokenFile);
    expect(status).toBe(exitStatus.noPermission);
    expect(stderr).toMatch(
      /^mailbearer: bob@example\.test has signed in, and the file is for alice@example\.test/m,
    );
    expect(stderr).toMatch(/^hint: .*--user shared:alice@example\.test$/m);
    await expect(place.readToken()).rejects.toThrow('ENOENT');
  });

  test('may be somebody else where --user says so: a shared mailbox', async () => {
    const { status, stderr } = await signInAs(bob, place.tokenFile, '--user', `shared:${login}`);
    expect(status).toBe(exitStatus.ok);
    expect(stderr).toContain(`${bob} has signed in, for the mailbox ${login}.`);
    expect(await place.readToken()).toMatchObject({ user: login });
  });

  test('is compared with --user, which does not excuse a stranger', async () => {
    const { status, stderr } = await signInAs(bob, place.tokenFile, '--user', login);
    expect(status).toBe(exitStatus.noPermission);
    expect(stderr).toContain(`${bob} has signed in, and --user says ${login}: nothing was written`);
    expect((await signInAs(bob, place.tokenFile, '--user', bob)).status).toBe(exitStatus.ok);
  });

  test('is asked for beside a scope of one’s own, too', async () => {
    expect((await signInAs(login, place.tokenFile, '--scope', 'offline_access smtp')).status).toBe(
      exitStatus.ok,
    );
  });

  test('is named when nothing says who it should be', async () => {
    const { stderr } = await signInAs(bob, `${place.tokenDirectory}/office`);
    expect(stderr).toContain(`${bob} has signed in.`);
  });
});
