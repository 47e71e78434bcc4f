/**
 * The plugin sasl-xoauth2 in Postfix's SMTP client, which Debian locks up in the queue directory: whether what it
 * needs is where it sees it. Only where sasl_passwd names token files; the relay needs none of this.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readSaslPasswd } from '../../accounts/sasl-passwd.js';
import { saslPasswdFile } from '../../config/paths.js';
import { describeCause } from '../../core/errors.js';
import { fail, type MachineCheck, pass, skip, type Verdict } from './check.js';
import { findPostfix, type Postfix, tablesOf } from './main-cf.js';

export const postfixChrootCheck: MachineCheck = {
  name: 'Postfix chroot',
  looksAt:
    'Where the plugin sasl-xoauth2 is in use: whether its token files, the authorities and resolv.conf are where Postfix sees them, and whether Postfix may replace the tokens.',
  mendedBy: 'The `install` or `chown` that the line names; with the relay, the plugin is not needed.',
  async run() {
    const postfix = await findPostfix();
    if (postfix === undefined) return [skip('there is no Postfix here')];
    const files = await pluginFiles(postfix);
    if (files.length === 0) return [skip('the plugin sasl-xoauth2 is not in use')];
    const root = postfix.chrooted ? (postfix.settings.get('queue_directory') ?? '/var/spool/postfix') : '/';
    const owner = await idOf(postfix.settings.get('mail_owner') ?? 'postfix');
    const verdicts = await Promise.all([
      ...files.map((file) => judgeToken(file, root, owner)),
      ...(postfix.chrooted ? [judgeAuthorities(root), judgeResolver(root)] : []),
    ]);
    const faults = verdicts.filter((verdict) => verdict !== undefined);
    const where = postfix.chrooted ? `in its chroot ${root}` : 'without a chroot';
    return faults.length > 0 ? faults : [pass(`the plugin finds what it needs, ${where}`)];
  },
};

/** Token files as Postfix names them, in the sources of its tables of passwords. */
async function pluginFiles({ settings }: Postfix): Promise<readonly string[]> {
  const tables = tablesOf(settings.get('smtp_sasl_password_maps'));
  const sources = tables.map((table) => table.replace(/^(proxy:)?\w+:/, ''));
  const logins = await Promise.all(
    (tables.length === 0 ? [saslPasswdFile] : sources).map((source) => readSaslPasswd(source)),
  );
  if (settings.get('smtp_sasl_auth_enable') !== 'yes') return [];
  return [...new Set(logins.flatMap((found) => [...found.keys()]))];
}

async function judgeToken(
  file: string,
  root: string,
  owner: number | undefined,
): Promise<Verdict | undefined> {
  const seen = join(root, file);
  try {
    const [token, directory] = [await stat(seen), await stat(dirname(seen))];
    if (owner === undefined || (token.uid === owner && directory.uid === owner)) return undefined;
    return fail(
      `Postfix may not replace ${seen}: the file or its directory is not its own`,
      `chown ${owner} ${dirname(seen)} ${seen}`,
    );
  } catch (error) {
    const moved = root !== '/' && (await stat(file).catch(() => undefined)) !== undefined;
    return fail(
      moved ? `Postfix looks for ${file} in its chroot, ${seen}` : `${seen}: ${describeCause(error)}`,
      moved
        ? `install -d -o postfix -m 0700 ${dirname(seen)} && install -o postfix -m 0600 ${file} ${seen}`
        : `mailbearer get-token PROVIDER ${seen}`,
    );
  }
}

const authorities = '/etc/ssl/certs/ca-certificates.crt';

async function judgeAuthorities(root: string): Promise<Verdict | undefined> {
  const seen = join(root, authorities);
  if ((await stat(seen).catch(() => undefined)) !== undefined) return undefined;
  return fail(
    `the plugin has no authorities in its chroot: ${seen} is missing, and no TLS can be verified`,
    `install -D -m 0644 ${authorities} ${seen}`,
  );
}

/** Debian copies it when Postfix starts; after a change of networks it is an old one. */
async function judgeResolver(root: string): Promise<Verdict | undefined> {
  const file = '/etc/resolv.conf';
  const read = (path: string) => readFile(path, 'utf8').catch(() => undefined);
  const [here, there] = [await read(file), await read(join(root, file))];
  if (here === undefined || here === there) return undefined;
  const what = there === undefined ? 'is missing' : `is not that of ${file}`;
  return fail(`${join(root, file)} ${what}: the plugin finds no names`, 'systemctl restart postfix');
}

async function idOf(user: string): Promise<number | undefined> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const [, , id] =
    passwd
      .split('\n')
      .find((line) => line.startsWith(`${user}:`))
      ?.split(':') ?? [];
  return id === undefined ? undefined : Number(id);
}
