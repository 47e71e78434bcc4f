/**
 * The Debian package, built by its script, and installed, removed and purged by dpkg in a directory that takes the place
 * of a machine: nothing of it reaches this one.
 */
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, Teardown, temporaryDirectory } from '../support/process.js';
import { toolsMissing } from './requirements.js';

const project = fileURLToPath(new URL('../..', import.meta.url));
const teardown = new Teardown();

describe.skipIf(toolsMissing('dpkg'))('the Debian package', () => {
  let directory: string;
  let root: string;
  let file: string;
  let version: string;

  beforeAll(async () => {
    const { path, remove } = await temporaryDirectory();
    teardown.defer(remove);
    directory = path;
    ({ version } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as { version: string });
    // Nobody downloads it: it need not be small, which is what takes most of the time.
    const env = { ...process.env, DPKG_DEB_COMPRESSOR_LEVEL: '0' };
    file = (await run('node', [join(project, 'packaging/deb/build.js'), directory], { env })).trim();
    root = join(directory, 'root');
    for (const place of ['etc', 'usr/lib', 'usr/bin', 'var/lib/dpkg/updates', 'var/lib/dpkg/info'])
      await mkdir(join(root, place), { recursive: true });
    await symlink('usr/lib', join(root, 'lib'));
    await writeFile(join(root, 'var/lib/dpkg/status'), '');
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
    await writeFile(join(root, 'etc/shadow'), 'root:*:1::::::\n');
    await writeFile(join(root, 'etc/gshadow'), 'root:*::\n');
  });
  afterAll(() => teardown.run());

  const dpkg = (...args: string[]) =>
    run('dpkg', [`--root=${root}`, '--force-script-chrootless,depends,unsafe-io', ...args]);
  const statOf = async (path: string) => {
    const { gid, mode, uid } = await stat(join(root, path));
    return { uid, gid, mode: (mode & 0o7777).toString(8) };
  };
  const fieldsOf = async (path: string) =>
    (await readFile(join(root, path), 'utf8'))
      .split('\n')
      .find((line) => line.startsWith('mailbearer:'))
      ?.split(':');

  it('says what it is and what it needs', async () => {
    const fields = await run('dpkg-deb', ['--field', file, 'Package', 'Version', 'Architecture', 'Depends']);
    expect(fields).toContain(`Version: ${version}\n`);
    expect(fields).toMatch(/^Depends: nodejs \(>= 20\)/m);
    expect(fields).toContain('Architecture: all\n');
    const contents = await run('dpkg-deb', ['--contents', file]);
    expect(contents.split('\n').filter((line) => line !== '' && !/^.{10} root\/root /.test(line))).toEqual(
      [],
    );
    // What is made for one kind of machine, or for the tests, is not in a package for all of them.
    expect(contents).not.toMatch(/node_modules\/(@napi-rs|vitest|typescript|@types)\/|\.node$/m);
  });

  it('is installed, with a user and directories that only it may enter', async () => {
    await dpkg('--install', file);
    const [, , uid, gid, , home, shell] = (await fieldsOf('etc/passwd')) ?? [];
    expect([home, shell]).toEqual(['/var/lib/mailbearer', '/usr/sbin/nologin']);
    expect(await statOf('etc/tokens')).toEqual({ uid: Number(uid), gid: Number(gid), mode: '700' });
    expect(await statOf('etc/mailbearer')).toEqual({ uid: 0, gid: Number(gid), mode: '750' });
    expect(await statOf('etc/mailbearer/credentials')).toEqual({ uid: 0, gid: 0, mode: '700' });
    const wanted = await stat(join(root, 'etc/systemd/system')).catch(() => undefined);
    expect(wanted?.isDirectory()).toBe(true);
  });

  it('has a program that runs from there, and everything that belongs to it', async () => {
    expect(await run(join(root, 'usr/bin/mailbearer'), ['--version'])).toContain(version);
    const config = join(directory, 'config.json');
    await writeFile(config, JSON.stringify({ token_dir: join(root, 'etc/tokens') }));
    await run(join(root, 'usr/bin/mailbearer'), ['status', '--config-file', config]).catch((error: unknown) =>
      // It has no accounts to speak of; what must not be is a library that is missing.
      expect(String(error)).not.toContain('ERR_MODULE_NOT_FOUND'),
    );
    // Whether a database keeps the tokens is for the configuration to say.
    await run('node', ['--input-type=module', '--eval', `await import('pg')`], {
      cwd: join(root, 'usr/lib/mailbearer'),
    });
    const unit = await readFile(join(root, 'usr/lib/systemd/system/mailbearer.service'), 'utf8');
    expect(unit).toContain('\nExecStart=/usr/bin/mailbearer serve\n');
    for (const place of [
      'usr/lib/systemd/system/mailbearer.socket',
      'usr/lib/systemd/user/mailbearer.service',
      'usr/share/man/man1/mailbearer.1.gz',
      'usr/share/man/man5/mailbearer.conf.5.gz',
      'usr/share/zsh/vendor-completions/_mailbearer',
      'usr/share/fish/vendor_completions.d/mailbearer.fish',
      'usr/share/doc/mailbearer/copyright',
      'usr/share/doc/mailbearer/examples/prometheus/mailbearer.rules.yml',
      'usr/share/doc/mailbearer/examples/grafana/mailbearer.json',
      'usr/share/doc/mailbearer/changelog.gz',
    ])
      expect((await stat(join(root, place))).size).toBeGreaterThan(0);
    await run('bash', ['-n', join(root, 'usr/share/bash-completion/completions/mailbearer')]);
  });

  it('takes its configuration along when it is purged, but no token that is left', async () => {
    await writeFile(join(root, 'etc/tokens/a@b.example'), '{}');
    await dpkg('--install', file);
    await dpkg('--remove', 'mailbearer');
    expect(await stat(join(root, 'etc/mailbearer')).catch(() => 'gone')).not.toBe('gone');
    await dpkg('--purge', 'mailbearer');
    const left = async (path: string) => (await stat(join(root, path)).catch(() => undefined)) !== undefined;
    expect([await left('etc/mailbearer'), await left('usr/lib/mailbearer')]).toEqual([false, false]);
    expect(await left('etc/tokens/a@b.example')).toBe(true);
    expect(await fieldsOf('etc/passwd')).toBeDefined();
    await run('rm', [join(root, 'etc/tokens/a@b.example')]);
    await dpkg('--install', file);
    // As `systemctl enable mailbearer.socket` does it.
    const wants = join(root, 'etc/systemd/system/sockets.target.wants');
    await mkdir(wants, { recursive: true });
    await symlink('/lib/systemd/system/mailbearer.socket', join(wants, 'mailbearer.socket'));
    await dpkg('--purge', 'mailbearer');
    const units = await readdir(join(root, 'etc/systemd/system'), { recursive: true }).catch(() => ['none']);
    expect(units.filter((unit) => unit.includes('mailbearer'))).toEqual([]);
    expect(await left('etc/tokens')).toBe(false);
    expect(await fieldsOf('etc/passwd')).toBeUndefined();
  });
});
