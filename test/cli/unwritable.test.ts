/**
 * `refresh` where the new token can't be written: the provider, which would end the sign-in if a refresh token came
 * twice, is not asked, or its answer is kept; the message says what to do; and once that is done, the same sign-in
 * gives the next token.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, lstat, mkdir, open, readdir, readlink, rm, stat, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { Teardown } from '../support/process.js';
import type { Finished, RunOptions } from '../support/run-binary.js';
import { mountsMissing } from '../system/requirements.js';
import { obtainTokens } from '../system/sign-in.js';
import { login, openWorkplace, type Workplace } from './workplace.js';

const nobody = 65_534;
let teardown: Teardown;
let place: Workplace;
let refreshToken: string;

beforeEach(async () => {
  teardown = new Teardown();
  place = await openWorkplace({ rotate: true });
  teardown.defer(() => place.close());
  ({ refreshToken } = await obtainTokens(place.provider, login));
});
afterEach(() => teardown.run());

/** A file system of its own, of 64 KiB. */
function mountDisk(path: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path]);
  teardown.defer(() => execFileSync('umount', [path]));
}

async function fill(directory: string): Promise<void> {
  const filler = await open(join(directory, 'filler'), 'w');
  try {
    for (;;) await filler.write(Buffer.alloc(4096, 'x'));
  } catch {
    await filler.close();
  }
}

const emptied = (directory: string) => rm(join(directory, 'filler'));

function writeExpired(file = place.tokenFile, tokenEndpoint = place.provider.tokenEndpoint): Promise<void> {
  const { clientId: client_id } = place.provider;
  const settings = { client_id, client_secret: '', token_endpoint: tokenEndpoint };
  return place.writeToken(
    { ...settings, access_token: 'old', expiry: '0', refresh_token: refreshToken },
    file,
  );
}

function refresh(options?: RunOptions): Promise<Finished> {
  const args = ['refresh', login];
  return options === undefined ? place.run(args) : place.runBinary(args, options);
}

/** Fails before the provider is asked; the file stays as it is, and nothing lies beside it. */
async function failsUnasked(options?: RunOptions): Promise<string> {
  const asked = place.provider.requests.length;
  const names = await readdir(place.tokenDirectory);
  const { status, stderr } = await refresh(options);
  expect(status).toBe(exitStatus.cantCreate);
  expect(place.provider.requests.length).toBe(asked);
  expect(await place.readToken()).toMatchObject({ access_token: 'old', refresh_token: refreshToken });
  expect(await readdir(place.tokenDirectory)).toEqual(names);
  return stderr;
}

/** Twice, because the second needs the token that the first has written. */
async function refreshesNow(options?: RunOptions): Promise<void> {
  for (const _ of [1, 2]) expect(await refresh(options)).toMatchObject({ status: exitStatus.ok, stderr: '' });
}

describe.skipIf(mountsMissing())('refresh on a disk', () => {
  beforeEach(() => mountDisk(place.tokenDirectory));

  test('that is full does not ask, and says where to make room', async () => {
    await writeExpired();
    await fill(place.tokenDirectory);
    expect(await failsUnasked()).toMatch(
      new RegExp(
        `cannot write the token file .*no space left.*\nhint: make room .*: df ${place.tokenDirectory}`,
        'i',
      ),
    );
    await emptied(place.tokenDirectory);
    await refreshesNow();
  });

  test('that fills while the provider is asked keeps the token that came', async () => {
    const { tokenEndpoint } = place.provider;
    const front = createServer((request, response) => {
      const answer = async () => {
        const body = await text(request);
        await fill(place.tokenDirectory);
        const headers = { 'content-type': request.headers['content-type'] ?? '' };
        const answered = await fetch(tokenEndpoint, { method: 'POST', headers, body });
        response.writeHead(answered.status, { 'content-type': 'application/json' });
        response.end(await answered.text());
      };
      void answer();
    }).listen(0, '127.0.0.1');
    teardown.defer(() => front.close());
    await once(front, 'listening');
    await writeExpired(place.tokenFile, `http://127.0.0.1:${(front.address() as AddressInfo).port}/`);
    expect(await refresh()).toMatchObject({ status: exitStatus.ok, stderr: '' });
    ({ refresh_token: refreshToken } = (await place.readToken()) as { refresh_token: string });
    await emptied(place.tokenDirectory);
    await writeExpired();
    await refreshesNow();
  });

  test('that is read-only does not ask, and says how it becomes writable', async () => {
    await writeExpired();
    const remount = (how: string) => execFileSync('mount', ['-o', `remount,${how}`, place.tokenDirectory]);
    remount('ro');
    expect(await failsUnasked()).toMatch(
      /read-only file system.*\nhint: mount it writable, .*ReadWritePaths=/i,
    );
    remount('rw');
    await refreshesNow();
  });

  test('that a symlink leads to is the one that is looked at, and the symlink stays', async () => {
    const [disk, real] = [join(place.directory, 'disk'), join(place.directory, 'disk', 'token')];
    await mkdir(disk);
    mountDisk(disk);
    await writeExpired(real);
    await symlink(real, place.tokenFile);
    await fill(disk);
    expect(await failsUnasked()).toContain(`df ${disk}`);
    await emptied(disk);
    await refreshesNow();
    expect(await readlink(place.tokenFile)).toBe(real);
    expect((await lstat(real)).isFile()).toBe(true);
  });
});

describe.skipIf(process.getuid?.() !== 0)('refresh as a user of its own', () => {
  beforeEach(async () => {
    await writeExpired();
    await chmod(place.tokenFile, 0o644);
  });

  test('in a directory that it may not write does not ask, and names chown and User=', async () => {
    await chown(place.tokenFile, nobody, nobody);
    expect(await failsUnasked({ userId: nobody })).toContain(
      `hint: let user 65534 write the directory, or run as its owner (User=): chown 65534 ${place.tokenDirectory}`,
    );
    await chown(place.tokenDirectory, nobody, nobody);
    await refreshesNow({ userId: nobody });
  });

  test('whose file belongs to somebody else does not ask, and names User= and chown', async () => {
    await chown(place.tokenDirectory, nobody, nobody);
    expect(await failsUnasked({ userId: nobody })).toMatch(
      /cannot keep its owner 0, .*\nhint: run as the owner of the file \(User=0 .*\), or: chown 65534:/,
    );
    await chown(place.tokenFile, nobody, nobody);
    await refreshesNow({ userId: nobody });
  });

  test('is not needed by root, who keeps the owner of the file', async () => {
    await chown(place.tokenFile, nobody, nobody);
    await refreshesNow();
    expect(await stat(place.tokenFile)).toMatchObject({ uid: nobody, gid: nobody });
  });
});
