/** What doctor sees of a Postfix that runs, by Postfix's own postconf and postmap. */
import { chown, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { changeMainCf, startPostfix } from '../support/postfix.js';
import { freePort, run, temporaryDirectory } from '../support/process.js';
import { runBinary } from '../support/run-binary.js';
import { programsMissing } from './requirements.js';
import { teardown } from './teardown.js';

describe.skipIf(programsMissing())('doctor beside Postfix', () => {
  let directory: string;
  let port: number;
  let hop: string;
  let mainCf: string;

  beforeAll(async () => {
    const made = await temporaryDirectory();
    teardown.defer(made.remove);
    directory = made.path;
    port = await freePort();
    hop = `[127.0.0.1]:${port}`;
    teardown.add(await startPostfix(join(directory, 'postfix'), `relayhost = ${hop}\n`));
    mainCf = await readFile(join(directory, 'postfix/etc/main.cf'), 'utf8');
    await writeFile(
      join(directory, 'config.json'),
      JSON.stringify({ relay: { listen: `127.0.0.1:${port}` }, token_dir: directory }),
    );
  });

  /** The lines about Postfix, with these changes of its settings. */
  async function look(changes = '', masterCf = (text: string) => text): Promise<string> {
    const etc = join(directory, 'changed');
    await cp(join(directory, 'postfix/etc'), etc, { recursive: true, force: true });
    await writeFile(join(etc, 'main.cf'), changeMainCf(mainCf, changes));
    const master = await readFile(join(directory, 'postfix/etc/master.cf'), 'utf8');
    await writeFile(join(etc, 'master.cf'), masterCf(master));
    const { stdout } = await runBinary(['doctor'], {
      env: {
        MAILBEARER_CONFIG: join(directory, 'config.json'),
        MAIL_CONFIG: etc,
        PATH: process.env['PATH'],
      },
    });
    return stdout.slice(stdout.search(/^. Postfix:/m));
  }

  it('finds that it leads to the relay, in clear', async () => {
    expect((await look()).split('\n')).toEqual([
      `✓ Postfix: mail is handed to ${hop}`,
      `✓ Postfix TLS: plain SMTP to ${hop} is allowed: smtp_tls_security_level is none`,
      '– Postfix chroot: the plugin sasl-xoauth2 is not in use',
      '',
    ]);
  });

  it('looks up policies as Postfix does, in a database too, and in one that postmap has not made', async () => {
    const policy = join(directory, 'policy');
    await writeFile(policy, `${hop} none\n`);
    const table = `smtp_tls_policy_maps = hash:${policy}\nsmtp_tls_security_level = encrypt\n`;
    expect(await look(table)).toMatch(/^✗ Postfix TLS: .*policy.*\n +→ postmap hash:\S+ && postfix reload$/m);
    await run('postmap', [`hash:${policy}`]);
    expect(await look(table)).toMatch(/^✓ Postfix TLS: plain SMTP to /m);
    const inline = `smtp_tls_policy_maps = inline:{ ${hop}=encrypt }\nsmtp_tls_security_level = may\n`;
    expect(await look(inline)).toMatch(/^✗ Postfix TLS: smtp_tls_policy_maps \(inline\) demands TLS/m);
  });

  it('sees what the plugin lacks in its chroot', async () => {
    const queue = join(directory, 'queue');
    const passwords = join(directory, 'sasl_passwd');
    const token = join(queue, 'etc/tokens/me');
    await writeFile(passwords, '[smtp.example]:587 me@example.org:/etc/tokens/me\n');
    const plugin = `smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = hash:${passwords}\nqueue_directory = ${queue}\n`;
    const chroot = (text: string) => text.replace(/^(smtp +unix +- +- +)n/m, '$1y');
    const without = await look(plugin, chroot);
    expect(without).toMatch(/^✗ Postfix chroot: \S+\/queue\/etc\/tokens\/me: ENOENT/m);
    expect(without).toMatch(/^✗ Postfix chroot: the plugin has no authorities in its chroot/m);
    await mkdir(join(queue, 'etc/tokens'), { recursive: true });
    await mkdir(join(queue, 'etc/ssl/certs'), { recursive: true });
    await writeFile(token, '{}');
    await writeFile(join(queue, 'etc/ssl/certs/ca-certificates.crt'), '');
    await cp('/etc/resolv.conf', join(queue, 'etc/resolv.conf'), { dereference: true }).catch(
      () => undefined,
    );
    expect(await look(plugin, chroot)).toMatch(/^✗ Postfix chroot: Postfix may not replace .*\n +→ chown/m);
    const postfix = Number(await run('id', ['-u', 'postfix']));
    await chown(token, postfix, 0);
    await chown(join(queue, 'etc/tokens'), postfix, 0);
    expect(await look(plugin, chroot)).toMatch(
      /^✓ Postfix chroot: the plugin finds what it needs, in its chroot/m,
    );
  });
});
