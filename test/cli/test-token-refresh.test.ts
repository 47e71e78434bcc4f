import { EventEmitter, once } from 'node:events';
import { chmod, chown, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { exitStatus } from '../../src/core/errors.js';
import { withLock } from '../../src/tokens/lock.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/process.js';
import { type Finished, runBinary, startBinary } from '../support/run-binary.js';
import { runHere } from '../support/run-here.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';

/** Debian's `nobody`: a user who may do nothing. */
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;

let endpoint: TokenEndpoint;
let directory: TemporaryDirectory;
let configFile: string;
let tokenFile: string;

beforeEach(async () => {
  endpoint = await startTokenEndpoint();
  directory = await temporaryDirectory();
  configFile = join(directory.path, 'config.json');
  // Not named after a login name, which a refresh does not need.
  tokenFile = join(directory.path, 'token');
  await configure(endpoint.url);
  await writeToken({});
});
afterEach(async () => {
  await endpoint.close();
  await directory.remove();
});

async function configure(tokenEndpoint: URL): Promise<void> {
  const corp = { token_endpoint: tokenEndpoint.href, smtp: { host: '127.0.0.1', tls: 'none' } };
  const config = {
    client_id: 'id',
    client_secret: '',
    token_endpoint: corp.token_endpoint,
    providers: { corp },
  };
  await writeFile(configFile, JSON.stringify(config));
}

/** Fields beside the usual ones, or the whole text. */
function writeToken(content: object | string): Promise<void> {
  const usual = { refresh_token: 'R1', access_token: 'A1', expiry: '0', note: 'kept' };
  return writeFile(
    tokenFile,
    typeof content === 'string' ? content : JSON.stringify({ ...usual, ...content }),
  );
}

async function readToken(): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(tokenFile, 'utf8')) as Record<string, unknown>;
}

const testRefresh = (...flags: string[]): Promise<Finished> => runHere([...command(), ...flags]);
const command = () => ['test-token-refresh', '--config-file', configFile, tokenFile];
const asNobody = () => runBinary(command(), { userId: nobody });

describe('test-token-refresh', () => {
  test('says the words of the original, and writes the new token back', async () => {
    endpoint.script({ body: { access_token: 'A2', token_type: 'Bearer', expires_in: 3600 } });
    const { status, stdout, stderr } = await testRefresh();
    expect({ status, stdout }).toEqual({
      status: exitStatus.ok,
      stdout: 'Config check passed.\nToken refresh succeeded.\n',
    });
    expect(stderr).toMatch(/^The new access token \(for (1h|59m\d+s)\) was written to .*token\.$/m);
    expect(await readToken()).toMatchObject({ access_token: 'A2', refresh_token: 'R1', note: 'kept' });
    expect(endpoint.requests[0]?.form.get('refresh_token')).toBe('R1');
  });

  test('keeps a rotated refresh token, which the original throws away, and says so', async () => {
    endpoint.script({ body: { access_token: 'A2', expires_in: 3600, refresh_token: 'R2' } });
    const { status, stderr } = await testRefresh();
    expect(status).toBe(exitStatus.ok);
    expect(stderr).toMatch(/a new refresh token .* were written/);
    expect(await readToken()).toMatchObject({ refresh_token: 'R2' });
    expect((await readdir(directory.path)).toSorted()).toEqual(['config.json', 'token']);
  });

  test('with --json writes one object to standard output', async () => {
    endpoint.script({ body: { access_token: 'A2', refresh_token: 'R2' } });
    const { status, stdout, stderr } = await testRefresh('--json');
    expect(status).toBe(exitStatus.ok);
    expect(JSON.parse(stdout)).toEqual({
      ok: true,
      token_file: tokenFile,
      expires_at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      expires_in: expect.any(Number) as number,
      written: true,
      refresh_token_replaced: true,
    });
    expect(stderr).toMatch(/^warning: .*an hour is assumed/m);
  });

  test('takes --config-file before the command too', async () => {
    const { status } = await runHere(['--config-file', configFile, 'test-token-refresh', tokenFile]);
    expect(status).toBe(exitStatus.ok);
  });

  test('stops at Ctrl-C while it waits for another process, without asking the endpoint', async () => {
    await withLock(tokenFile, { clock: systemClock, random: Math.random }, async () => {
      const running = startBinary(command());
      await running.prints(/Config check passed/);
      running.signal('SIGINT');
      const { status, stdout, stderr } = await running.finished;
      expect({ status, stdout }).toEqual({ status: 130, stdout: 'Config check passed.\n' });
      expect(stderr).toBe('mailbearer: interrupted\n');
    });
    expect(endpoint.requests).toHaveLength(0);
  });

  test('goes on at Ctrl-C once the endpoint was asked, for its answer may hold the only valid token', async () => {
    const asked = new EventEmitter();
    const slow = createServer((_request, response) => asked.emit('asked', response)).listen(0, '127.0.0.1');
    await once(slow, 'listening');
    await configure(new URL(`http://127.0.0.1:${(slow.address() as AddressInfo).port}/token`));
    const answer = once(asked, 'asked') as Promise<[ServerResponse]>;
    const running = startBinary(command());
    const [response] = await answer;
    running.signal('SIGINT');
    await running.says(/Finishing the refresh/);
    response.end(JSON.stringify({ access_token: 'A2', refresh_token: 'R2' }));
    const { status } = await running.finished;
    slow.close();
    expect(status).toBe(exitStatus.ok);
    expect(await readToken()).toMatchObject({ refresh_token: 'R2' });
  });
});

describe('what fails says why and what to do, and ends with 1', () => {
  async function failure(run = testRefresh): Promise<string> {
    const { status, stdout, stderr } = await run();
    expect({ status, stdout }).toEqual({
      status: exitStatus.failed,
      stdout: 'Config check passed.\nToken refresh failed.\n',
    });
    expect(stderr).toMatch(/^mailbearer: .+\nhint: .+/m);
    return stderr;
  }

  test('a dead grant', async () => {
    endpoint.script({ status: 400, body: { error: 'invalid_grant', error_description: 'Token revoked' } });
    const stderr = await failure();
    expect(stderr).toContain('invalid_grant: Token revoked');
    expect(stderr).toContain(`mailbearer get-token corp ${tokenFile} --overwrite-existing-token`);
  });

  test('a client that is refused', async () => {
    endpoint.script({ status: 401, body: { error: 'invalid_client' } });
    expect(await failure()).toMatch(/invalid_client[^]*hint: check client_id and client_secret/);
  });

  test('an endpoint that is down', async () => {
    await configure(new URL('http://127.0.0.1:1/token'));
    expect(await failure()).toMatch(/ECONNREFUSED.*\nhint: try again/);
  });

  test.each([
    ['empty', '', 'it is empty'],
    ['not JSON', 'access_token=A1', 'it is not JSON'],
    ['no object', '[]', 'it is not a JSON object'],
    ['without a refresh token', '{ "access_token": "A1" }', 'has no refresh_token'],
  ])('a token file that is %s', async (_what, content, reason) => {
    await writeToken(content);
    const stderr = await failure();
    expect(stderr).toContain(reason);
    expect(stderr).toMatch(new RegExp(`hint: .*mailbearer get-token \\w+ ${tokenFile}`));
    expect(endpoint.requests).toHaveLength(0);
  });

  test('a token file that is missing', async () => {
    await rm(tokenFile);
    expect(await failure()).toContain(`hint: mailbearer get-token PROVIDER ${tokenFile}`);
  });

  test('a token file that is a directory', async () => {
    await rm(tokenFile);
    await mkdir(tokenFile);
    expect(await failure()).toContain('it is a directory');
  });

  test('a token file that is a loop of symlinks', async () => {
    await rm(tokenFile);
    await symlink(tokenFile, tokenFile);
    expect(await failure()).toContain('loop of symbolic links');
  });

  test.skipIf(!isRoot)('a token file that the user may not read', async () => {
    await chmod(tokenFile, 0o600);
    expect(await failure(asNobody)).toMatch(/no permission to read.*\nhint: .*User=.*chown/);
  });

  test.skipIf(!isRoot)('a token file that could not be replaced, and then nothing is asked', async () => {
    await chown(tokenFile, nobody, nobody);
    expect(await failure(asNobody)).toMatch(/cannot write.*\nhint: .*chown/);
    expect(endpoint.requests).toHaveLength(0);
    expect(await readToken()).toMatchObject({ refresh_token: 'R1' });
  });

  test('a configuration, whose words come instead', async () => {
    await writeFile(configFile, '{ "refresh_window": "soon" }');
    const { status, stdout, stderr } = await testRefresh();
    expect({ status, stdout }).toEqual({ status: exitStatus.failed, stdout: 'Config check failed.\n' });
    expect(stderr).toContain('refresh_window: expected seconds or a duration such as "10m"');
  });

  test('with --json, as an object that names code and remedy', async () => {
    endpoint.script({ status: 400, body: { error: 'invalid_grant' } });
    const { status, stdout } = await testRefresh('--json');
    expect(status).toBe(exitStatus.failed);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      token_file: tokenFile,
      errors: [{ code: 'grant-dead', remedy: 'reauthorize', hint: expect.any(String) as string }],
    });
  });
});
