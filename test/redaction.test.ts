/**
 * Every command, run with secrets that can be recognised, talking as much as it can: none of them may come out,
 * neither plain nor in base64, but in the token file and where a person asked for it on standard output.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCertificateAuthority } from './support/certificates.js';
import { greetedClient } from './support/relay-under-test.js';
import { temporaryDirectory, type TemporaryDirectory } from './support/process.js';
import { type Conversation, type Finished, runBinary, startBinary } from './support/run-binary.js';
import { runHere } from './support/run-here.js';
import { type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.js';
import { startTokenEndpoint, type TokenEndpoint } from './support/token-endpoint.js';

const marker = 'MaRkEr';
const secretOf = (what: string) => `${marker}+${what}&=%/of-some-length`;
const user = 'a@corp.example';

const granted = {
  body: {
    access_token: secretOf('access'),
    refresh_token: secretOf('refresh'),
    id_token: secretOf('id'),
    expires_in: 3600,
  },
};
/** What it was sent, said back. */
const echo = `${secretOf('client')} ${secretOf('old-refresh')}`;
const refused = (status: number, error: string, description = echo) => ({
  status,
  body: { error, error_description: description },
});

let endpoint: TokenEndpoint;
let upstream: ScriptedUpstream;
let directory: TemporaryDirectory;
let tokenFile: string;
const env = { MAILBEARER_DEBUG: '1', MAILBEARER_CLIENT_SECRET: secretOf('client') };

beforeEach(async () => {
  endpoint = await startTokenEndpoint();
  endpoint.script(granted);
  upstream = await startScriptedUpstream();
  directory = await temporaryDirectory();
  tokenFile = join(directory.path, 'tokens', user);
  await mkdir(join(directory.path, 'tokens'));
  await configure();
  await writeToken();
});
afterEach(async () => {
  await endpoint.close();
  await upstream.close();
  await directory.remove();
});

function configure(keys: object | string = {}): Promise<void> {
  const corp = {
    authorization_endpoint: new URL('/authorize', endpoint.url).href,
    device_authorization_endpoint: endpoint.url.href,
    token_endpoint: endpoint.url.href,
    scope: 'smtp',
    smtp: { host: '127.0.0.1', port: upstream.port, tls: 'none' },
  };
  const usual = {
    client_id: 'id',
    client_secret: secretOf('client'),
    token_dir: join(directory.path, 'tokens'),
    log_level: 'trace',
    providers: { corp },
    relay: { listen: { address: '127.0.0.1:0', auth: { oauth2: introspection('127.0.0.1:1') } } },
  };
  const text = typeof keys === 'string' ? keys : JSON.stringify({ ...usual, ...keys });
  return writeFile(join(directory.path, 'config.json'), text);
}

/** The check of clients' tokens, with a secret in the URL. */
function introspection(host: string): object {
  const secret = encodeURIComponent(secretOf('introspection'));
  return { introspection_mode: 'post', introspection_url: `http://id:${secret}@${host}/` };
}

/** The whole text, or an expired token; `note` makes it another one. */
function writeToken(text?: string, note = ''): Promise<void> {
  const usual = {
    note,
    token_endpoint: endpoint.url.href,
    access_token: secretOf('old-access'),
    refresh_token: secretOf('old-refresh'),
    client_secret: secretOf('client'),
    expiry: '1',
  };
  return writeFile(tokenFile, text ?? JSON.stringify(usual));
}

const configured = (args: readonly string[]) => [
  ...args,
  '--config-file',
  join(directory.path, 'config.json'),
];

function start(...args: string[]): Conversation {
  return startBinary(configured(args), { env });
}

/** In a process of its own, whose output may hold more than what the command means to say. */
function runAlone(...args: string[]): Promise<Finished> {
  return runBinary(configured(args), { env });
}

function run(...args: string[]): Promise<Finished> {
  return runHere(configured(args), { env });
}

/** The lines that hold a marker, plain or in base64. */
function leaks({ stdout, stderr }: Pick<Finished, 'stdout' | 'stderr'>): string[] {
  return `${stdout}\n${stderr}`.split('\n').filter(holdsMarker);
}

function holdsMarker(text: string): boolean {
  if (text.includes(marker)) return true;
  const words = [...text.matchAll(/[A-Za-z0-9+/_-]{12,}/g)].map(([word]) => word);
  // A credential may start in the middle of what looks like one word.
  return words.some((word) =>
    [0, 1, 2, 3].some((from) => Buffer.from(word.slice(from), 'base64').includes(marker)),
  );
}

/** The redirect that a browser would be sent to by a provider that agreed. */
async function callback(command: Conversation, answer: Record<string, string>): Promise<string> {
  const [url] = await command.says(/^http:\/\/\S+\/authorize\S+$/m);
  const { searchParams } = new URL(url);
  const query = new URLSearchParams({ ...answer, state: searchParams.get('state') ?? '' });
  return `${searchParams.get('redirect_uri') ?? ''}?${query.toString()}`;
}

test('the check itself finds a marker in clear, in base64, and inside a longer word', () => {
  const encoded = Buffer.from(`user=a\x01auth=Bearer ${marker}\x01\x01`).toString('base64');
  for (const stderr of [`x${marker}x`, `AUTH XOAUTH2 ${encoded}`, `x${encoded}`])
    expect(leaks({ stdout: '', stderr })).toEqual([stderr]);
});

describe('no secret comes out of', () => {
  test('test-config', async () => {
    expect(leaks(await runAlone('test-config', '--json'))).toEqual([]);
    await writeToken(`{ "refresh_token": "${secretOf('refresh')}`);
    expect(leaks(await run('test-config'))).toEqual([]);
    await writeToken(`{ "refresh_token": ["${secretOf('refresh')}"] }`);
    expect(leaks(await run('test-config'))).toEqual([]);
    await configure({ client_secret: { value: secretOf('client') }, proxy: `ftp://u:${marker}@proxy` });
    expect(leaks(await run('test-config'))).toEqual([]);
    const oauth2 = { ...introspection('idp.example'), client_id: 'id', client_secret: secretOf('client') };
    await configure({ relay: { listen: { address: '127.0.0.1:0', auth: { oauth2 } } } });
    expect(leaks(await run('test-config'))).toEqual([]);
    await configure(`{ "client_secret": "${secretOf('client')}`);
    expect(leaks(await run('test-config'))).toEqual([]);
  });

  test('test-token-refresh', async () => {
    const fine = await runAlone('test-token-refresh', tokenFile, '--json');
    expect(fine.status).toBe(0);
    expect(leaks(fine)).toEqual([]);
    expect(await readFile(tokenFile, 'utf8')).toContain(secretOf('refresh'));
    for (const step of [
      refused(400, 'invalid_grant'),
      refused(401, 'invalid_client'),
      refused(503, 'server_error'),
      { body: echo },
      { body: { access_token: [secretOf('access')], token_type: secretOf('access') } },
      { status: 307, headers: { location: `http://127.0.0.1/?${encodeURIComponent(echo)}` } },
    ]) {
      await writeToken();
      endpoint.script(step);
      const { status, ...output } = await run('test-token-refresh', tokenFile);
      expect(status).toBe(1);
      expect(leaks(output)).toEqual([]);
    }
  });

  test('status and refresh, nor of token beside the token that was asked for', async () => {
    expect(leaks(await runAlone('status'))).toEqual([]);
    expect(leaks(await run('status', '--json'))).toEqual([]);
    expect(leaks(await runAlone('refresh', '--json'))).toEqual([]);
    expect(leaks(await runAlone('doctor'))).toEqual([]);
    expect(leaks(await run('doctor', '--json'))).toEqual([]);
    const { stdout, stderr } = await runAlone('token', user);
    expect(stdout).toBe(`${secretOf('access')}\n`);
    expect(leaks({ stdout: '', stderr })).toEqual([]);
    for (const step of [refused(400, 'invalid_grant'), refused(503, 'server_error'), { body: echo }]) {
      await writeToken();
      endpoint.script(step);
      expect(leaks(await run('token', user))).toEqual([]);
      expect(leaks(await run('refresh', user, '--json'))).toEqual([]);
      expect(leaks(await run('doctor', user))).toEqual([]);
    }
  });

  test('an account that nobody signs in for, when its provider repeats what it was sent', async () => {
    const authority = await createCertificateAuthority(join(directory.path, 'certificates'));
    const { certificateFile, keyFile } = await authority.issue('app');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const serviceAccountFile = join(directory.path, 'service-account.json');
    const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    await writeFile(serviceAccountFile, JSON.stringify({ client_email: 'robot@corp.example', private_key }));
    endpoint.script('echo');
    for (const entry of [
      { grant: 'client_credentials' },
      { grant: 'client_credentials', certificate_file: certificateFile, key_file: keyFile },
      { grant: 'service_account', service_account_file: serviceAccountFile },
    ]) {
      await configure({ accounts: { [user]: { provider: 'corp', ...entry } } });
      for (const command of [
        ['token', user],
        ['refresh', '--json'],
        ['doctor', user],
      ]) {
        const output = await run(...command);
        expect(leaks(output)).toEqual([]);
        const form = endpoint.requests.at(-1)!.form;
        const assertion = form.get('assertion') ?? form.get('client_assertion') ?? secretOf('client');
        expect(assertion.length).toBeGreaterThan(30);
        expect(output.stdout + output.stderr).toContain('invalid_grant');
        expect(output.stdout + output.stderr).not.toContain(assertion.slice(0, 30));
      }
    }
    const wrong = { key_file: certificateFile, certificate_file: certificateFile, key_passphrase: marker };
    await configure({ accounts: { [user]: { provider: 'corp', grant: 'client_credentials', ...wrong } } });
    expect(leaks(await run('token', user))).toEqual([]);
  });

  test('an account whose token comes from a command that says too much', async () => {
    const access = `ya29.a0AfB_${marker}byC7x9Zq4-4u8oXkz`;
    for (const complaint of [
      `refused: ${access}`,
      `> Authorization: Bearer ${secretOf('access')}`,
      `POST /token?refresh_token=${secretOf('refresh')}`,
      `{"client_secret": "${secretOf('client')}"}`,
      `the secret of MAILBEARER_CLIENT_SECRET is odd: ${secretOf('client')}`,
    ]) {
      const script = `printf '%s\\n' '{"access_token":"${access}"}'; printf '%s\\n' '${complaint}' >&2; exit 1`;
      const entry = { provider: 'corp', grant: 'command', token_command: script };
      await configure({ accounts: { [user]: entry } });
      const output = await run('token', user);
      expect(output.stderr).toMatch(/ended with status 1: .*\[redacted\]/);
      expect(leaks(output)).toEqual([]);
    }
    expect(leaks(await run('refresh', '--json'))).toEqual([]);
    const daemon = start('serve', '--log-format', 'json');
    await daemon.says(/ended with status 1/);
    daemon.signal('SIGTERM');
    expect(leaks(await daemon.finished)).toEqual([]);
  });

  test('get-token with a browser', async () => {
    await rm(tokenFile);
    const command = start('get-token', 'corp', tokenFile, '--client-secret', secretOf('client'));
    const page = await fetch(await callback(command, { code: secretOf('code') }));
    expect(await page.text()).not.toContain(marker);
    const result = await command.finished;
    expect(result.status).toBe(0);
    expect(leaks(result)).toEqual([]);
    expect(await readFile(tokenFile, 'utf8')).toContain(secretOf('refresh'));
  });

  test('get-token with a pasted address, a wrong one first', async () => {
    const command = start('get-token', 'corp', tokenFile, '--overwrite-existing-token');
    const url = await callback(command, { code: secretOf('code') });
    command.type(url.replace(/state=[^&]*/, 'state=wrong'));
    command.type(url);
    const result = await command.finished;
    expect(result.status).toBe(0);
    expect(leaks(result)).toEqual([]);
  });

  test('get-token that is refused', async () => {
    endpoint.script(refused(400, 'invalid_grant'));
    const command = start('get-token', 'corp', '-');
    const page = await fetch(await callback(command, { code: secretOf('old-refresh') }));
    expect(await page.text()).not.toContain(marker);
    expect(leaks(await command.finished)).toEqual([]);
    endpoint.script(refused(401, 'invalid_client', secretOf('client')));
    expect(leaks(await run('get-token', 'corp', '-', '--use-device-flow'))).toEqual([]);
  });

  test('the standard error of get-token, when the token is wanted on standard output', async () => {
    const command = start('get-token', 'corp', '-');
    await fetch(await callback(command, { code: secretOf('code') }));
    const { stdout, stderr } = await command.finished;
    expect(JSON.parse(stdout)).toMatchObject({ access_token: secretOf('access') });
    expect(leaks({ stdout: '', stderr })).toEqual([]);
  });

  test.each(['json', 'human'])('serve, which logs every line in %s', async (format) => {
    const command = start('serve', '--log-level', 'trace', '--log-format', format);
    await command.says(/ready/);
    const [, port] = await command.says(/"port":(\d+)/);
    const client = await greetedClient(Number(port));
    client.send(`MAIL FROM:<${user}>\r\nRCPT TO:<b@c.example>\r\nDATA\r\n`);
    const replies = [await client.reply(), await client.reply(), await client.reply()];
    expect(replies.filter(holdsMarker)).toEqual([]);
    client.send('Subject: x\r\n\r\nx\r\n.\r\n');
    expect(await client.reply()).toMatch(/^250/);
    expect(upstream.lines.join('\n')).toContain('AUTH');
    client.end();

    // The same account with a token that has expired, and a provider that repeats what it was sent.
    endpoint.script(refused(400, 'invalid_grant'));
    await writeToken(undefined, 'replaced');
    await command.says(/invalid_grant/);
    command.signal('SIGTERM');
    const result = await command.finished;
    expect(result.status).toBe(0);
    expect(leaks(result)).toEqual([]);
  });
});
