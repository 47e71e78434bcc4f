import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { FilePasswords } from '../../src/submission/passwords.js';
import { silentLogger } from '../../src/core/logger.js';
import { temporaryDirectory } from '../support/process.js';
import { type Finished, runBinary } from '../support/run-binary.js';
import { runHere } from '../support/run-here.js';

let place: { path: string; remove: () => Promise<void> };
let file: string;

beforeEach(async () => {
  place = await temporaryDirectory();
  file = join(place.path, 'passwd');
  await configure([{ address: '127.0.0.1:0', auth: { passwords_file: file } }]);
});
afterEach(() => place.remove());

function configure(listen: readonly object[]): Promise<void> {
  return writeFile(join(place.path, 'config.json'), JSON.stringify({ relay: { listen } }));
}

function passwd(args: readonly string[], input?: string, run = runHere): Promise<Finished> {
  return run(['passwd', ...args], {
    env: { MAILBEARER_CONFIG: join(place.path, 'config.json') },
    ...(input !== undefined && { input }),
  });
}

async function verdictOn(user: string, password: string): Promise<unknown> {
  const verdict = await new FilePasswords(file, silentLogger).check(user, new Secret(password));
  return verdict.kind === 'accepted' ? verdict.identity : verdict.kind;
}

describe('passwd', () => {
  it('adds a password from standard input, for the mailbox that it is named after', async () => {
    const add = ['add', 'Scan@corp.example', 'printer'];
    const { status, stderr, stdout } = await passwd(add, 'geheim-ä 1\n', runBinary);
    expect({ status, stdout }).toEqual({ status: exitStatus.ok, stdout: '' });
    expect(stderr).toContain(`The password "printer" of scan@corp.example is in ${file}`);
    expect(await readFile(file, 'utf8')).not.toContain('geheim');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await verdictOn('scan@corp.example', 'geheim-ä 1')).toMatchObject({
      senders: ['scan@corp.example'],
    });
    expect(await verdictOn('scan@corp.example', 'geheim')).toBe('refused');
  });

  it('makes one, and prints it and nothing else', async () => {
    const args = [
      'add',
      'app',
      'backup',
      '--generate',
      '--sender',
      'a@b.example',
      '@c.example',
      '--account',
      'Office',
    ];
    const { stderr, stdout } = await passwd(args);
    expect(stdout).toMatch(/^[a-z2-9]{20}\n$/);
    expect(stderr).toContain('it may send for a@b.example, @c.example through office');
    expect(await verdictOn('app', stdout.trim())).toMatchObject({
      senders: ['a@b.example', '@c.example'],
      accounts: ['office'],
    });
  });

  it('has several for one mailbox, checked with one computation, and takes one away alone', async () => {
    await passwd(['add', 'scan@corp.example', 'first'], 'one\n');
    await passwd(['add', 'scan@corp.example', 'second', '--any-sender'], 'two\n');
    const { passwords } = JSON.parse(await readFile(file, 'utf8')) as { passwords: { hash: string }[] };
    expect(new Set(passwords.map(({ hash }) => hash.split('$').slice(0, 4).join('$'))).size).toBe(1);
    expect((await passwd(['list'])).stdout).toBe(
      'USER               NAME    SENDERS            ACCOUNTS\n' +
        'scan@corp.example  first   scan@corp.example  all\n' +
        'scan@corp.example  second  all                all\n',
    );
    expect(await passwd(['remove', 'scan@corp.example', 'first'])).toMatchObject({ status: exitStatus.ok });
    expect(await verdictOn('scan@corp.example', 'one')).toBe('refused');
    expect(await verdictOn('scan@corp.example', 'two')).toMatchObject({ senders: undefined });
    expect(JSON.parse((await passwd(['list', '--json'])).stdout)).toEqual([
      { user: 'scan@corp.example', name: 'second' },
    ]);
  });

  it('loses none of several that are added at once, and keeps the mode of the file', async () => {
    await writeFile(file, '{ "passwords": [] }', { mode: 0o640 });
    const names = ['a', 'b', 'c'];
    const add = (name: string) => passwd(['add', 'x@corp.example', name, '--generate'], '', runBinary);
    await Promise.all(names.map(add));
    const list = JSON.parse((await passwd(['list', '--json', 'X@corp.example'])).stdout) as {
      name: string;
    }[];
    expect(list.map(({ name }) => name).toSorted()).toEqual(names);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });

  it.each([
    ['no name for it', ['add', 'scan@corp.example'], 'needs a login name and a name for the password'],
    ['a login that says nothing of senders', ['add', 'printer', 'a'], 'what may it send for?'],
    ['a sender that is none', ['add', 'p', 'a', '--sender', 'x'], '--sender x: expected an address'],
    ['no password', ['add', 'scan@corp.example', 'a'], 'no password was given'],
    ['one to remove that there is not', ['remove', 'scan@corp.example', 'a'], 'has no password "a"'],
    ['an action that there is not', ['change'], "'change' is invalid"],
  ])('refuses %s, and leaves the file alone', async (_, args, complaint) => {
    const { status, stderr } = await passwd(args, '');
    expect(status).toBe(exitStatus.usage);
    expect(stderr).toContain(complaint);
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  it('refuses the same name twice, before it asks', async () => {
    await passwd(['add', 'scan@corp.example', 'printer'], 'one\n');
    const { status, stderr } = await passwd(['add', 'scan@corp.example', 'printer'], 'two\n');
    expect(status).toBe(exitStatus.usage);
    expect(stderr).toContain('mailbearer passwd remove scan@corp.example printer');
    expect(await verdictOn('scan@corp.example', 'one')).toMatchObject({ user: 'scan@corp.example' });
  });

  it('wants to be told the file where the configuration names none or several', async () => {
    await configure([]);
    expect((await passwd(['list'])).stderr).toContain('names no passwords_file');
    expect((await passwd(['list', '--file', file])).stderr).toContain(`there is no passwords file ${file}`);
    await configure(
      ['a', 'b'].map((name) => ({ address: '127.0.0.1:0', auth: { passwords_file: `/${name}` } })),
    );
    expect(await passwd(['list'])).toMatchObject({ status: exitStatus.usage });
  });

  it('says what is wrong with the file, and with where it lies', async () => {
    await writeFile(file, '{');
    expect(await passwd(['add', 'a@b', 'c', '--generate'])).toMatchObject({
      status: exitStatus.config,
      stdout: '',
    });
    const there = await passwd(['add', 'a@b', 'c', '--generate', '--file', join(place.path, 'no', 'passwd')]);
    expect(there).toMatchObject({ status: exitStatus.cantCreate, stdout: '' });
    expect(there.stderr).toMatch(/cannot write the passwords file .*ENOENT/);
  });
});
