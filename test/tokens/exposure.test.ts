import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findExposures } from '../../src/tokens/exposure.js';
import { readLocalUsers } from '../../src/tokens/group-members.js';
import { type TemporaryDirectory, temporaryDirectory } from '../support/process.js';

let directory: TemporaryDirectory;
let file: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  file = join(directory.path, 'a@b.example');
  await writeFile(file, '{}');
});
afterEach(() => directory.remove());

const passwd = `root:x:0:0::/root:/bin/sh
postfix:x:110:118::/var/spool/postfix:/usr/sbin/nologin
mailbearer:x:111:119::/var/lib/mailbearer:/usr/sbin/nologin
alice:x:1000:100::/home/alice:/bin/sh
bob:x:1001:100::/home/bob:/bin/sh
carol:x:1002:1002::/home/carol:/bin/sh
nobody:x:65534:65534::/:/usr/sbin/nologin
`;
const group = `root:x:0:
users:x:100:
postfix:x:118:mailbearer,alice
mailbearer:x:119:
carol:x:1002:
admins:x:27:alice,carol
nogroup:x:65534:
`;

async function users() {
  const etc = join(directory.path, 'etc');
  await mkdir(etc);
  await writeFile(join(etc, 'passwd'), passwd);
  await writeFile(join(etc, 'group'), group);
  return readLocalUsers(etc);
}

describe('a file with secrets', () => {
  it('is open to strangers when everyone may read it, and the remedy closes it and no more', async () => {
    await chmod(file, 0o644);
    expect(await findExposures([file])).toEqual([
      {
        path: file,
        mode: 0o644,
        wantedMode: 0o640,
        message: `everyone on this machine may read ${file} (mode 0644), which holds secrets`,
        remedy: `chmod o= ${file}`,
      },
    ]);
  });

  it('is worse when everyone may change it', async () => {
    await chmod(file, 0o666);
    expect((await findExposures([file]))[0]?.message).toContain('everyone on this machine may change');
  });

  it.each([0o600, 0o400, 0o640, 0o660, 0o700])('is fine with mode %o and the own group', async (mode) => {
    await chmod(file, mode);
    expect(await findExposures([file])).toEqual([]);
  });

  it('may be missing, or be something else than a file', async () => {
    expect(await findExposures([join(directory.path, 'missing'), directory.path])).toEqual([]);
  });

  it.skipIf(process.getuid?.() !== 0)('is open to a group with people in it', async () => {
    await chown(file, 0, 100);
    await chmod(file, 0o640);
    expect(await findExposures([file], await users())).toMatchObject([
      {
        wantedMode: 0o600,
        message: `every member of the group users may read ${file} (mode 0640), which holds secrets`,
        remedy: `chmod go= ${file}`,
      },
    ]);
  });

  it.skipIf(process.getuid?.() !== 0)('loses both rights where both are too much', async () => {
    await chown(file, 0, 100);
    await chmod(file, 0o644);
    expect(await findExposures([file], await users())).toMatchObject([
      { wantedMode: 0o600, remedy: `chmod go= ${file}` },
    ]);
  });
});

describe('a group', () => {
  it.each([
    ['of a service, whoever was put into it', 118, 0, false],
    ['of one service', 119, 0, false],
    ['of one person, for whom it was made', 1002, 0, false],
    ['that several people share', 100, 1000, true],
    ['with people listed in it', 27, 0, true],
    ['that nobody knows', 4711, 0, undefined],
    ['without members', 0, 0, false],
  ])('%s: %i', async (_, groupId, ownerId, expected) => {
    expect((await users()).letsPeopleIn(groupId, ownerId)).toBe(expected);
  });
});
