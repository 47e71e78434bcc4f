/**
 * The lines of docs/clients.md: programs that sign in by themselves, with a token that `mailbearer token` gives
 * them, at Debian's Postfix with Dovecot, which asks the provider about each token.
 */
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { markedBlock } from '../support/markdown.js';
import { freePort, run } from '../support/process.js';
import { binaryPath } from '../support/run-binary.js';
import { type MailService, startMailService } from './mail-service.js';
import { compose } from './message.js';
import { prepareRelay } from './relay.js';
import { programsMissing } from './requirements.js';

const alice = 'alice@example.test';
const inbox = 'inbox@example.test';

const programs = ['curl', 'git-email', 'isync', 'msmtp', 'mutt', 'python3'] as const;
const theirNeeds = ['dovecot-imapd', 'libmailtools-perl', 'libsasl2-modules-kdexoauth2'] as const;

describe.skipIf(programsMissing(...programs, ...theirNeeds))(
  'programs that ask for tokens, set up as the docs say',
  () => {
    let service: MailService;
    let home: string;
    let messageFile: string;
    let imapPort: number;

    beforeAll(async () => {
      imapPort = await freePort();
      service = await startMailService({ accounts: [alice], recipients: [alice, inbox], imapPort });
      const relay = await prepareRelay(service);
      await relay.signIn(alice);
      home = join(service.directory, 'home');
      await mkdir(home);
      await writeFile(
        join(home, 'mailbearer'),
        `#!/bin/sh\nMAILBEARER_CONFIG='${relay.configFile}' exec '${process.execPath}' '${binaryPath}' "$@"\n`,
      );
      await chmod(join(home, 'mailbearer'), 0o755);
      messageFile = join(home, 'message.eml');
      await writeFile(messageFile, compose('from a script', 'It works.\r\n'));
    });

    /** What the page says between two marks, for our server and account in place of Gmail's. */
    async function linesFor(program: string): Promise<string> {
      const page = await readFile(fileURLToPath(new URL('../../docs/clients.md', import.meta.url)), 'utf8');
      const lines = markedBlock(page, program);
      return lines
        .replaceAll('smtp.gmail.com:587', `localhost:${service.server.port}`)
        .replaceAll('smtp.gmail.com', 'localhost')
        .replaceAll('imap.gmail.com', 'localhost')
        .replaceAll('port 587', `port ${service.server.port}`)
        .replaceAll('port=587', `port=${service.server.port}`)
        .replaceAll('me@gmail.com', alice)
        .replaceAll('you@example.org', inbox)
        .replaceAll('message.eml', messageFile);
    }

    /** In a home of its own, with our `mailbearer` on the path. */
    const shell = (script: string) =>
      run('sh', ['-c', `export HOME='${home}' PATH='${home}':"$PATH"\n${script}`]);

    async function arrival(send: () => Promise<unknown>): Promise<string> {
      const known = (await service.server.messages(inbox)).length;
      await send();
      return (await service.server.nextMessage(inbox, known)).toString('latin1');
    }

    it('msmtp, and git by way of it', async () => {
      const trust = `tls_trust_file ${service.authority.certificateFile}\n`;
      await writeFile(join(home, '.msmtprc'), `defaults\n${trust}${await linesFor('msmtp')}`, {
        mode: 0o600,
      });
      expect(await arrival(() => shell(`msmtp ${inbox} < '${messageFile}'`))).toContain('It works.');
      const patch = '0001-change.patch';
      await writeFile(join(home, patch), `From: ${alice}\nSubject: [PATCH] change\n\nIt is better so.\n`);
      // Whoever uses git has told it this much.
      const identity =
        'git config --global user.name Alice; git config --global user.email alice@home.example';
      const lines = await linesFor('git');
      expect(await arrival(() => shell(`cd "$HOME"\n${identity}\n${lines}`))).toContain('It is better so.');
    });

    it('mutt', async () => {
      const trust = `set ssl_ca_certificates_file = "${service.authority.certificateFile}"\nset ssl_usesystemcerts = no\n`;
      const quiet = 'set copy = no\nset folder = "/nowhere"\n';
      await writeFile(join(home, '.muttrc'), trust + quiet + (await linesFor('mutt')));
      const send = () =>
        shell(`printf 'It works.\\n' | TERM=dumb mutt -F "$HOME/.muttrc" -s test -- ${inbox}`);
      expect(await arrival(send)).toContain('It works.');
    });

    it('curl', async () => {
      const lines = (await linesFor('curl')).replace(
        'curl ',
        `curl -sS --cacert '${service.authority.certificateFile}' `,
      );
      expect(await arrival(() => shell(lines))).toContain('It works.');
    });

    it('mbsync', async () => {
      const [local, lines] = [join(home, 'mail'), await linesFor('mbsync')];
      await mkdir(local);
      const server = `Port ${imapPort}\nCertificateFile ${service.authority.certificateFile}\n`;
      const rest = `
IMAPStore there
Account gmail

MaildirStore here
Path ${local}/
Inbox ${local}/inbox

Channel all
Far :there:
Near :here:
Create Near
`;
      await writeFile(join(home, '.mbsyncrc'), `${lines}${server}${rest}`);
      // Git has sent her a copy of the patch.
      const known = (await service.server.messages(alice)).length;
      await shell(`msmtp ${alice} < '${messageFile}'`);
      await service.server.nextMessage(alice, known);
      await shell('mbsync all');
      const fetched = join(local, 'inbox', 'new');
      const messages = (await readdir(fetched)).map((name) => readFile(join(fetched, name), 'latin1'));
      expect((await Promise.all(messages)).join('\n')).toContain('It works.');
    });

    it('Python', async () => {
      const script = join(home, 'send.py');
      await writeFile(script, await linesFor('python'));
      const trust = `SSL_CERT_FILE='${service.authority.certificateFile}'`;
      expect(await arrival(() => shell(`${trust} python3 '${script}'`))).toContain('It works.');
    });
  },
);
