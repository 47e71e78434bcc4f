/**
 * What a machine must have for the system tests: Debian's mail servers, and root to start them. Where something
 * is missing the tests are skipped with a line that says what to install; under CI that is a failure instead,
 * because a green run that tested nothing would deceive.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packagesMissing } from '../support/debian-machine.js';

/** Debian's packages, and the program of each that the tests start, or ask for something that it has when all is there. */
const programs = {
  postfix: ['postconf', '-dh', 'mail_version'],
  'dovecot-core': ['dovecot', '--version'],
  chromium: ['chromium', '--version'],
  curl: ['curl', '--version'],
  // A desktop's keyring, and what looks into it.
  dbus: ['dbus-daemon', '--version'],
  'gnome-keyring': ['gnome-keyring-daemon', '--version'],
  'libsecret-tools': ['dpkg-query', '-W', 'libsecret-tools'],
  // Git itself answers for a command that it has.
  'git-email': ['git', 'send-email', '--dump-aliases'],
  // git-email only recommends it, and does not start without.
  'libmailtools-perl': ['perl', '-MMail::Address', '-e', 'print Mail::Address->VERSION'],
  'dovecot-imapd': ['test', '-x', '/usr/lib/dovecot/imap'],
  isync: ['mbsync', '--version'],
  // A plugin of Cyrus SASL, with which mbsync signs in.
  'libsasl2-modules-kdexoauth2': ['dpkg-query', '-W', 'libsasl2-modules-kdexoauth2'],
  // To build a plugin of Cyrus SASL.
  gcc: ['gcc', '--version'],
  'libsasl2-dev': ['test', '-e', '/usr/include/sasl/saslplug.h'],
  msmtp: ['msmtp', '--version'],
  mutt: ['mutt', '-v'],
  openssl: ['openssl', 'version'],
  // Not python3-minimal, which has no smtplib.
  python3: ['python3', '-c', 'import json, smtplib'],
  swaks: ['swaks', '--version'],
  // Of every Debian; it installs into a directory, which needs root.
  dpkg: ['sh', '-c', 'test "$(id -u)" = 0 && dpkg-deb --version'],
  // For its programs: no service manager runs in a test.
  systemd: ['systemd-notify', '--version'],
  // Of every Debian, too.
  'perl-base': ['perl', '-MSocket', '-e', 'print 1'],
  haproxy: ['haproxy', '-v'],
  // For completion and the manual pages.
  fish: ['fish', '--version'],
  zsh: ['zsh', '--version'],
  'groff-base': ['groff', '--version'],
  mandoc: ['mandoc', '-T', 'ascii', '/dev/null'],
} as const;

type Package = keyof typeof programs;

/** Whether to skip, for `describe.skipIf`: Postfix and Dovecot are always needed. Under CI it throws instead. */
export function programsMissing(...others: readonly Package[]): boolean {
  return mustSkip(whatIsMissing(['postfix', 'dovecot-core', ...others]));
}

/** The same for tests that need these programs and no mail server. */
export function toolsMissing(...needed: readonly Package[]): boolean {
  return mustSkip(lacking(needed));
}

/** The same for programs that are only unpacked, since they cannot be installed beside what is there. */
export function unpackedMissing(...needed: readonly string[]): boolean {
  const missing = packagesMissing(needed);
  return mustSkip(missing.length === 0 ? undefined : `run .ci/unpack for ${missing.join(', ')}`);
}

function mustSkip(lack: string | undefined): boolean {
  if (lack === undefined) return false;
  if (process.env['CI']) throw new Error(`system tests cannot run: ${lack}`);
  process.stderr.write(`system tests are skipped: ${lack}\n`);
  return true;
}

/** Whether to skip what needs file systems of its own, as `programsMissing` does. */
export function mountsMissing(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'mailbearer-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place], { stdio: 'pipe' });
    execFileSync('umount', [place]);
    return false;
  } catch (error) {
    const lack = `mount a tmpfs, as root and with CAP_SYS_ADMIN: ${String(error).trim()}`;
    if (process.env['CI']) throw new Error(`tests of a full disk cannot run: ${lack}`, { cause: error });
    process.stderr.write(`tests of a full disk are skipped: ${lack}\n`);
    return true;
  } finally {
    rmdirSync(place);
  }
}

function whatIsMissing(needed: readonly Package[]): string | undefined {
  if (process.getuid?.() !== 0) return 'run as root: Postfix and Dovecot give up their rights themselves';
  const lack = lacking(needed);
  if (lack !== undefined) return lack;
  const dovecot = versionOf('dovecot-core');
  if (!dovecot?.startsWith('2.3.'))
    return `the configuration is in the language of Dovecot 2.3, not ${dovecot}`;
  return undefined;
}

function lacking(needed: readonly Package[]): string | undefined {
  const missing = needed.filter((name) => versionOf(name) === undefined);
  return missing.length === 0 ? undefined : `apt-get install --no-install-recommends ${missing.join(' ')}`;
}

function versionOf(name: Package): string | undefined {
  const [program, ...args] = programs[name];
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
