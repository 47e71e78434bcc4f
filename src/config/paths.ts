/** Where things lie by default: every path that is known without being configured, in one place. */
import { join } from 'node:path';

/** Read when no `token_dir` is configured; the second is where Debian's chrooted Postfix sees the first. */
export const defaultTokenDirectories: readonly string[] = ['/etc/tokens', '/var/spool/postfix/etc/tokens'];

/** Postfix's login names, `[host]:port user:/path/of/token`. */
export const saslPasswdFile = '/etc/postfix/sasl_passwd';

/** The state directory of a system's service, where there is one. */
export const systemStateDirectory = '/var/lib/mailbearer';

/** Beside $XDG_STATE_HOME, where a user's own state lies (XDG Base Directory Specification). */
export function userStateDirectory(env: Readonly<Record<string, string | undefined>>, home: string): string {
  return join(env['XDG_STATE_HOME'] || join(home, '.local', 'state'), 'mailbearer');
}

export interface Surroundings {
  /** `/etc`, or a directory of a test. */
  readonly systemDirectory: string;
  readonly homeDirectory: string;
  /** Numeric user id; undefined where there is none. Root has no configuration of its own: /etc is root's. */
  readonly userId: number | undefined;
}

/** The configuration files that are looked for, in this order; the first that exists is the only one read. */
export function configCandidates({ systemDirectory, homeDirectory, userId }: Surroundings): string[] {
  return [
    join(systemDirectory, 'mailbearer', 'config.json'),
    ...(userId === 0 ? [] : [join(homeDirectory, '.config', 'mailbearer', 'config.json')]),
    join(systemDirectory, 'sasl-xoauth2.conf'),
  ];
}
