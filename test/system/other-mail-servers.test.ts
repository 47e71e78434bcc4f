/**
 * The guides for Exim, OpenSMTPD, msmtp and nullmailer: Debian's programs with the pages' own lines, which hand mail
 * to the relay. All but msmtp conflict with Postfix as packages, and run on a machine within the machine.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type DebianMachine, makeDebianMachine } from '../support/debian-machine.js';
import { freePort, run } from '../support/process.js';
import { alice, bob, inbox, type Scene, startScene } from './guide.js';
import { mountsMissing, programsMissing, unpackedMissing } from './requirements.js';
import { submitMessage } from './smtp-dialogue.js';
import { teardown } from './teardown.js';

/** Whom no account serves. */
const stranger = 'carol@example.test';
const text = `To: ${inbox}\nSubject: test\n\nIt works.\n`;

const skip =
  programsMissing('msmtp') || mountsMissing() || unpackedMissing('exim4', 'nullmailer', 'opensmtpd');
describe.skipIf(skip)('other mail servers, set up as their guides say', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await startScene((pages) => pages.json('exim', 'config.json'));
  });

  const sentBy = (account: string) => `(Authenticated sender: ${account})`;
  const directory = (name: string) => join(scene.service.directory, name);

  describe('Exim', () => {
    const send = (machine: DebianMachine, sender: string) => () =>
      machine.run(['exim4', '-odf', '-i', '-f', sender, inbox], text);
    const log = (machine: DebianMachine) => readFile(machine.path('/var/log/exim4/mainlog'), 'utf8');

    async function makeExim(name: string, files: Record<string, string>): Promise<DebianMachine> {
      const machine = await makeDebianMachine('exim4', {
        directory: directory(name),
        files: { '/etc/mailname': 'client.test\n', ...files },
        users: ['Debian-exim'],
      });
      // What the package's installation does.
      for (const made of ['/var/lib/exim4', '/var/spool/exim4', '/var/log/exim4']) {
        await mkdir(machine.path(made));
        await machine.run(['chown', 'Debian-exim:Debian-exim', made]);
      }
      return machine;
    }

    it("sends with Debian's configuration", async () => {
      const settings = await scene.block('exim', 'update-exim4.conf.conf');
      const machine = await makeExim('exim-of-debian', {
        '/etc/exim4/update-exim4.conf.conf': settings,
        '/etc/email-addresses': await scene.block('exim', 'email-addresses'),
      });
      await machine.run(['update-exim4.conf']);
      expect(await scene.arrival(send(machine, bob))).toContain(sentBy(bob));
      const fromRoot = await scene.arrival(() => machine.run(['exim4', '-odf', '-i', inbox], text));
      expect(fromRoot).toContain(sentBy(alice));
      expect(fromRoot).toMatch(new RegExp(`^From: .*<?${alice}>?$`, 'm'));
      await send(machine, stranger)();
      expect(await log(machine)).toMatch(/ == .* SMTP error from remote mail server .*: 450 4\.7\.1 /);
    });

    it('sends for single senders with a configuration of its own', async () => {
      const block = (mark: string) => scene.block('exim', mark);
      const router = (await block('router')) + (await block('senders'));
      const own = `domainlist local_domains = client.test
begin routers
${router}
begin transports
${await block('transport')}`;
      const machine = await makeExim('exim-of-its-own', { '/etc/exim4/exim4.conf': own });
      expect(await scene.arrival(send(machine, alice))).toContain(sentBy(alice));
      await send(machine, bob)();
      expect(await log(machine)).toMatch(/ \*\* inbox@\S+: Unrouteable address/);
    });
  });

  describe('OpenSMTPD', () => {
    async function startOpenSmtpd(name: string, configuration: string) {
      const port = await freePort();
      const machine = await makeDebianMachine('opensmtpd', {
        directory: directory(name),
        files: {
          '/etc/mailname': 'client.test\n',
          '/etc/smtpd.conf': configuration.replace('on localhost', `on 127.0.0.1 port ${port}`),
        },
        users: ['opensmtpd', 'opensmtpq'],
      });
      await mkdir(machine.path('/var/lib/opensmtpd/empty'), { recursive: true });
      const program = teardown.add(machine.start('smtpd', '-d', '-v'));
      await program.waitForOutput(/smtp: listen on/);
      return { port, program };
    }

    const message = Buffer.from(text.replaceAll('\n', '\r\n'));
    const submit = (port: number, from: string) => () => submitMessage(port, { from, to: [inbox], message });

    it('sends all mail', async () => {
      const configuration = await scene.block('opensmtpd', 'smtpd.conf');
      const { port, program } = await startOpenSmtpd('opensmtpd', configuration);
      expect(await scene.arrival(submit(port, bob))).toContain(sentBy(bob));
      await submit(port, stranger)();
      await program.waitForOutput(/result="TempFail" stat="450 4\.7\.1 /);
    });

    it('sends for single senders', async () => {
      const lines = (await scene.block('opensmtpd', 'smtpd.conf')).trimEnd().split('\n');
      const senders = await scene.block('opensmtpd', 'senders');
      const configuration = [...lines.slice(0, -1), senders].join('\n');
      const { port } = await startOpenSmtpd('opensmtpd-for-senders', configuration);
      expect(await scene.arrival(submit(port, alice))).toContain(sentBy(alice));
      // No rule is left for the recipient.
      await expect(submit(port, bob)()).rejects.toThrow('No recipient specified');
    });
  });

  it('msmtp sends as the one account, whoever calls it', async () => {
    const file = directory('msmtprc');
    const settings = await scene.block('msmtp', 'msmtprc', { '/etc/aliases': directory('aliases') });
    await writeFile(file, settings.replace('syslog LOG_MAIL\n', ''));
    await writeFile(directory('aliases'), (await scene.block('msmtp', 'aliases')).replace(alice, inbox));
    const stored = await scene.arrival(() =>
      run('sh', ['-c', `printf 'From: root\\n\\nIt works.\\n' | msmtp --file='${file}' root`]),
    );
    expect(stored).toContain(sentBy(alice));
    expect(stored).toContain(`From: ${alice}`);
  });

  it('nullmailer sends as the one account', async () => {
    const machine = await makeDebianMachine('nullmailer', {
      directory: directory('nullmailer'),
      files: {
        '/etc/mailname': 'client.test\n',
        '/etc/nullmailer/remotes': await scene.block('msmtp', 'remotes'),
        '/etc/nullmailer/allmailfrom': await scene.block('msmtp', 'allmailfrom'),
      },
    });
    for (const name of ['queue', 'tmp', 'failed']) {
      await mkdir(machine.path(`/var/spool/nullmailer/${name}`), { recursive: true });
      await machine.run(['chown', 'mail:mail', `/var/spool/nullmailer/${name}`]);
    }
    await machine.run([
      'sh',
      '-c',
      'cd /var/spool/nullmailer && mkfifo trigger && chown mail:mail . trigger',
    ]);
    const stored = await scene.arrival(async () => {
      await machine.run(['nullmailer-inject', inbox], text);
      teardown.add(
        machine.start('setpriv', '--reuid=mail', '--regid=mail', '--clear-groups', 'nullmailer-send'),
      );
    });
    expect(stored).toContain(sentBy(alice));
  });
});
