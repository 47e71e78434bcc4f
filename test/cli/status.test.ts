import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

let place: TokenDirectory;

beforeEach(async () => {
  place = await openTokenDirectory();
  const corp = { provider: 'corp' };
  await place.configure({ accounts: { 'a@corp.example': corp, 'b@corp.example': corp } });
  await place.write('a@corp.example', {});
});
afterEach(() => place.close());

const columns = (line: string | undefined) => line?.split(/ {2,}/);

describe('status', () => {
  test('shows each account in a line, and ends with 0 when all are well', async () => {
    await place.write('b@corp.example', {}, 120);
    const { status, stdout, stderr } = await place.run('status');
    expect({ status, stderr }).toEqual({ status: exitStatus.ok, stderr: '' });
    const [header, a, b, ...rest] = stdout.trimEnd().split('\n');
    expect(columns(header)).toEqual([
      'ACCOUNT',
      'PROVIDER',
      'STATE',
      'EXPIRES',
      'REFRESHED',
      'NEXT REFRESH',
      'FIRST END',
    ]);
    expect(columns(a)?.slice(0, 3)).toEqual(['a@corp.example', 'corp', 'fresh']);
    expect(columns(a)?.slice(3)).toEqual([
      expect.stringMatching(/^in (1h|59m\d+s)$/),
      expect.stringMatching(/^\d+s ago$/),
      expect.stringMatching(/^in (50m|49m\d+s)$/),
      '-',
    ]);
    expect(columns(b)?.slice(2)).toEqual([
      'due',
      expect.stringMatching(/^in (2m|1m\d+s)$/),
      expect.stringMatching(/^58m\d*s? ago$/),
      'now',
      '-',
    ]);
    expect(rest).toEqual([]);
  });

  test('names what is wrong and what mends it, and ends with 1', async () => {
    await place.write('b@corp.example', { expiry: '0', refresh_token: '' });
    const { status, stdout, stderr } = await place.run('status');
    expect(status).toBe(exitStatus.failed);
    expect(stdout).toMatch(/^b@corp\.example +corp +expired +- /m);
    expect(stderr).toMatch(
      /^mailbearer: b@corp\.example: .*no refresh_token\nhint: mailbearer get-token corp /,
    );
  });

  test('shows an account whose file is missing as broken', async () => {
    const { status, stdout, stderr } = await place.run('status', 'b@corp.example');
    expect(status).toBe(exitStatus.failed);
    expect(stdout).toMatch(/^b@corp\.example +- +broken +- +- +- +-$/m);
    expect(stderr).toMatch(/^hint: mailbearer get-token /m);
  });

  test('names the next command of an account whose token has expired', async () => {
    await place.write('b@corp.example', {}, -60);
    const { status, stderr } = await place.run('status');
    expect(status).toBe(exitStatus.failed);
    expect(stderr).toBe(
      'mailbearer: b@corp.example: the token has expired\n' +
        'hint: mailbearer refresh b@corp.example; a running serve does it by itself, and its log says why it cannot\n',
    );
  });

  test('--json says the same for scripts', async () => {
    const { stdout } = await place.run('status', '--json', 'a@corp.example');
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string;
    expect(JSON.parse(stdout)).toEqual({
      listing: {
        total: 1,
        states: { fresh: 1, due: 0, expired: 0, broken: 0, 'needs-attention': 0, 'needs-sign-in': 0 },
        providers: { corp: 1 },
        matching: 1,
        page: 1,
        pages: 1,
        limit: null,
      },
      accounts: [
        {
          account: 'a@corp.example',
          token_file: `${place.path}/a@corp.example`,
          token_store: 'file',
          provider: 'corp',
          state: 'fresh',
          expires_at: time,
          last_refresh: time,
          next_refresh: time,
          first_seen: null,
          ends: [],
          problem: null,
          hint: null,
          docs: null,
          remedy: null,
          messages: null,
        },
      ],
    });
  });

  test('shows those that are asked for, a page at a time, and ends with 1 for what is on another page', async () => {
    for (const name of ['c', 'd', 'e'])
      await place.write(`${name}@corp.example`, {}, name === 'd' ? 3600 : -60);
    const asked = ['status', '--match', '@CORP', '--state', 'expired,fresh', '--limit', '2'];
    const { status, stdout } = await place.run(...asked, '--page', '2', '--json');
    expect(status).toBe(exitStatus.failed);
    expect(JSON.parse(stdout)).toMatchObject({
      listing: {
        total: 5,
        states: { fresh: 2, expired: 2, broken: 1 },
        matching: 4,
        page: 2,
        pages: 2,
        limit: 2,
      },
      accounts: [{ account: 'a@corp.example' }, { account: 'd@corp.example' }],
    });
    const table = await place.run('status', '--provider', 'corp', '--match', 'A@');
    expect(table).toMatchObject({
      status: exitStatus.ok,
      stderr: '1 of 5 accounts: 1 fresh\n',
      stdout: expect.stringMatching(/^ACCOUNT .*\na@corp\.example .*\n$/) as string,
    });
    const wrong = await place.run('status', '--provider', 'crop');
    expect(wrong).toMatchObject({ status: exitStatus.usage, stdout: '' });
    expect(wrong.stderr).toMatch(
      /^mailbearer: --provider: there is no "crop"; did you mean "corp"\?\nhint: it is one or more of .*gmail/,
    );
  });

  test('shows what is known of the end, and warns when it is near', async () => {
    const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
    const secret = { client_secret: 'secret', secret_expires: day(10) };
    await place.configure({
      accounts: {
        'a@corp.example': { provider: 'corp', ...secret },
        'b@corp.example': { provider: 'outlook' },
      },
    });
    await place.write('b@corp.example', { token_endpoint: place.endpoint.url.href });
    const { status, stdout, stderr } = await place.run('status');
    expect(status).toBe(exitStatus.ok);
    expect(stdout).toMatch(/^a@corp\.example .* client-secret in (9|10)d$/m);
    expect(stdout).toMatch(/^b@corp\.example .* sign-in in 90d$/m);
    expect(stderr).toContain(`the client secret of a@corp.example expires on ${day(10)}, in `);
    expect(stderr).toMatch(/^hint: create a new one in the app registration/m);
    const json = await place.run('status', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      accounts: [
        { ends: [{ what: 'client-secret', because: 'dated', warning_days: 14 }] },
        { ends: [{ what: 'sign-in', because: 'unused', warning_days: null }] },
      ],
    });
  });

  test('shows that a sign-in has ended, as the daemon has heard', async () => {
    const stateDir = join(place.path, '..', 'state');
    await place.configure({ accounts: { 'a@corp.example': { provider: 'gmail' } }, state_dir: stateDir });
    await place.write('a@corp.example', { token_endpoint: place.endpoint.url.href });
    await mkdir(stateDir);
    const print = createHash('sha256').update('R-a@corp.example').digest('base64url');
    const token = { account: 'a@corp.example', first_seen: '2027-01-01', ended: '2027-01-08' };
    await writeFile(join(stateDir, 'state.json'), JSON.stringify({ tokens: { [print]: token } }));
    const { status, stderr, stdout } = await place.run('status', 'a@corp.example');
    expect(status).toBe(exitStatus.failed);
    // The access token lives on, and there will be no other.
    expect(stdout).toMatch(/ fresh +in \S+ +\S+ ago +- +-$/m);
    expect(stderr).toMatch(
      /ended 7 days after it was made, as all do while the consent screen is in "Testing"/,
    );
    expect(stderr).toMatch(/^hint: .*"In production", then sign in again: mailbearer get-token gmail /m);
    await place.write('a@corp.example', { token_endpoint: place.endpoint.url.href, expiry: '1' });
    expect((await place.run('status', 'a@corp.example')).stdout).toMatch(/ broken .* ago +- +-$/m);
  });

  test('--watch goes on until it is interrupted, one line of JSON after the other', async () => {
    const command = place.startBinary('status', '--watch', '--json', 'a@corp.example');
    await command.prints(/^\{.*"fresh".*\}\n\{.*"fresh".*\}\n/m);
    command.signal('SIGINT');
    expect(await command.finished).toMatchObject({ status: 130 });
  });

  test('--watch outlives a configuration that is broken for a moment, or lacks the account', async () => {
    const command = place.startBinary('status', '--watch', '--json', 'a@corp.example');
    await command.prints(/fresh/);
    await writeFile(place.configFile, '{');
    await command.says(/^mailbearer: .*config\.json/m);
    await place.configure({ token_dir: join(place.path, '..', 'none') });
    await command.says(/no account is called a@corp/);
    await place.configure();
    await command.prints(/fresh[^]*fresh/);
    command.signal('SIGINT');
    expect(await command.finished).toMatchObject({ status: 130 });
  });

  test('--watch ends when nobody reads any more', async () => {
    const command = place.startBinary('status', '--watch', '--json', 'a@corp.example');
    await command.prints(/fresh/);
    command.hangUp();
    expect(await command.finished).toMatchObject({ status: exitStatus.ok });
  });

  test('misses none of the directories where token files lie by default', async () => {
    await writeFile(place.configFile, '{ "client_id": "id" }');
    expect((await place.run('status')).stderr).not.toContain('cannot list');
  });

  test('asks no server', async () => {
    await place.write('a@corp.example', { expiry: '0' });
    await place.run('status');
    expect(place.endpoint.requests).toEqual([]);
  });
});
