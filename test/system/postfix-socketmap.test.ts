/**
 * The guide for Postfix with a socketmap, followed: Debian's Postfix signs in by itself, with a plugin for XOAUTH2, login
 * and token from `serve`; postmap asks the same.
 */
import { mkdir, rm, stat } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Postfix } from '../support/postfix.js';
import { eventually, run } from '../support/process.js';
import { runBinary } from '../support/run-binary.js';
import { alice, blockOf, bob, inbox } from './guide.js';
import { type MailService, startMailService } from './mail-service.js';
import { compose } from './message.js';
import { prepareRelay, type Relay, startClient } from './relay.js';
import { programsMissing } from './requirements.js';
import { submitMessage } from './smtp-dialogue.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const stranger = 'carol@example.test';
const message = compose('test', 'It works.\r\n');

describe.skipIf(programsMissing('gcc', 'libsasl2-dev'))('Postfix with tokens by socketmap', () => {
  let service: MailService;
  let relay: Relay;
  let client: Postfix;
  let socket: string;
  let nextHop: string;

  beforeAll(async () => {
    service = await startMailService({ accounts: [alice, bob], recipients: [inbox] });
    const queue = join(service.directory, 'client', 'queue');
    const changes = { '/var/spool/postfix': queue };
    socket = join(queue, 'mailbearer', 'socketmap');
    nextHop = `[localhost]:${service.server.port}`;
    const config = JSON.parse(await blockOf('postfix-socketmap', 'config', changes)) as Record<
      string,
      unknown
    >;
    relay = await prepareRelay(service, { config });
    await relay.signIn(alice, bob);
    const mainCf = await blockOf('postfix-socketmap', 'main.cf', {
      '[smtp.gmail.com]:587': nextHop,
      '/etc/ssl/certs/ca-certificates.crt': service.authority.certificateFile,
    });
    const plugins = join(service.directory, 'sasl2');
    await mkdir(plugins);
    const build = await blockOf('postfix-socketmap', 'plugin', {
      '/usr/lib/x86_64-linux-gnu/sasl2': plugins,
    });
    await run('sh', ['-ec', build.replaceAll('sudo ', '')], { cwd: root });
    client = await startClient(
      service,
      `${mainCf}
# The name of the server is in /etc/hosts only.
smtp_host_lookup = native
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME SASL_PATH=${plugins}
`,
    );
    await mkdir(join(queue, 'mailbearer'));
    await relay.start();
  });

  const submit = (from: string) => submitMessage(client.port, { from, to: [inbox], message });
  const postmap = (key: string): Promise<{ status: number; printed: string; complaint: string }> =>
    new Promise((resolve) => {
      execFile('postmap', ['-q', key, `socketmap:unix:${socket}:tokens`], (error, stdout, stderr) =>
        resolve({ status: Number(error?.code ?? 0), printed: stdout, complaint: stderr }),
      );
    });

  it('lets the group of Postfix and nobody else ask', async () => {
    const { gid, mode } = await stat(socket);
    expect(mode & 0o777).toBe(0o660);
    expect(gid).toBe(Number((await run('getent', ['group', 'postfix'])).split(':')[2]));
  });

  it('signs in as the account of each sender', async () => {
    for (const [index, sender] of [alice, bob].entries()) {
      await submit(sender);
      const stored = (await service.server.nextMessage(inbox, index)).toString('latin1');
      expect(stored).toContain(`(Authenticated sender: ${sender})`);
    }
  });

  it('tells postmap what it would tell Postfix', async () => {
    const { access_token: token } = await relay.readToken(alice);
    expect(await postmap(alice)).toMatchObject({ status: 0, printed: `${alice}:${token}\n` });
    expect(await postmap(stranger)).toMatchObject({ status: 1, printed: '', complaint: '' });
    expect(await postmap('[smtp.elsewhere.test]:587')).toMatchObject({ status: 1, complaint: '' });
    const several = await postmap(nextHop);
    expect(several.complaint).toMatch(/several send through this server/);
    expect(several.printed).toBe('');
  });

  it('has mail wait, not bounce, while an account has no token, and sends it afterwards', async () => {
    const known = (await service.server.messages(inbox)).length;
    const file = join(service.directory, 'tokens', bob);
    await rm(file);
    await eventually('the account to be missed', async () => {
      const { complaint } = await postmap(bob);
      return /bob@example\.test: the token file is missing/.test(complaint) || undefined;
    });
    const offset = (await client.log()).length;
    await submit(bob);
    await client.waitForLog(/the token file is missing/, offset);
    await client.waitForLog(/status=deferred/, offset);
    await submit(alice);
    expect((await service.server.nextMessage(inbox, known)).toString('latin1')).toContain(alice);
    await relay.signIn(bob);
    const last = await service.server.nextMessage(inbox, known + 1);
    expect(last.toString('latin1')).toContain(`(Authenticated sender: ${bob})`);
    expect((await client.log()).slice(offset)).not.toMatch(/status=bounced/);
  });

  it('is looked at by doctor', async () => {
    const mainCf = join(service.directory, 'client', 'etc');
    const env = { PATH: process.env['PATH'], MAIL_CONFIG: mainCf };
    const { stdout } = await runBinary(['doctor', alice, '--config-file', relay.configFile], { env });
    expect(stdout.split('\n').filter((line) => line.includes('socketmap:'))).toEqual([
      `✓ socketmap: answers on ${socket}`,
      '✓ socketmap: Postfix signs in by it at servers that it has verified',
    ]);
  });
});
