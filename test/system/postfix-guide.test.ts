/**
 * The guides for Postfix and docker-mailserver: a Postfix with the pages' lines, beside a server that wants a password,
 * and an instance that the page's commands make.
 */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { format } from 'prettier';
import { SMTPServer } from 'smtp-server';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeDebianMachine } from '../support/debian-machine.js';
import { codeOf, tableRows } from '../support/markdown.js';
import { type Postfix, startPostfix } from '../support/postfix.js';
import { eventually, freePort, run } from '../support/process.js';
import { alice, bob, inbox, type Scene, startScene } from './guide.js';
import { compose } from './message.js';
import { startClient } from './relay.js';
import { mountsMissing, programsMissing } from './requirements.js';
import { submitMessage } from './smtp-dialogue.js';
import { teardown } from './teardown.js';

/** Whom no account serves. */
const stranger = 'carol@example.test';
const message = compose('test', 'It works.\r\n');

describe.skipIf(programsMissing() || mountsMissing())('Postfix, set up as its guide says', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await startScene();
  });

  const sentBy = (account: string) => `(Authenticated sender: ${account})`;
  const submit = (port: number, from: string) => submitMessage(port, { from, to: [inbox], message });

  /** Writes a table of the page, and gives the lines of main.cf with the place where it is. */
  async function withTable(
    lines: string,
    name: string,
    changes: Record<string, string> = {},
  ): Promise<string> {
    const file = join(scene.service.directory, name);
    await writeFile(file, await scene.block('postfix', name, changes));
    await run('postmap', [file]);
    return lines.replace(`/etc/postfix/${name}`, file);
  }

  describe('beside a relay with passwords', () => {
    /** What the other relay has seen: user, password, sender. */
    const seen: string[] = [];
    let client: Postfix;

    beforeAll(async () => {
      const other = await startPasswordServer();
      const changes = { '[smtp.example.net]:587': `[127.0.0.1]:${other}` };
      const bySender = await scene.block('postfix', 'by-sender main.cf');
      const passwords = await scene.block('postfix', 'passwords main.cf', changes);
      const lines = [
        await withTable(bySender, 'relay_by_sender'),
        await withTable(passwords, 'sasl_passwd', changes),
        `smtp_tls_CAfile = ${scene.service.authority.certificateFile}`,
      ];
      client = await startClient(scene.service, lines.join('\n'));
    });

    it('sends the mail of an account through mailbearer, without a password', async () => {
      expect(await scene.arrival(() => submit(client.port, alice))).toContain(sentBy(alice));
    });

    it('sends other mail where it went before, with the password', async () => {
      await submit(client.port, stranger);
      await eventually('the message at the other relay', () => seen[0], client.log);
      expect(seen).toEqual([`you password ${stranger}`]);
    });

    async function startPasswordServer(): Promise<number> {
      const certificate = await scene.service.authority.issue('passwords');
      const server = new SMTPServer({
        cert: await readFile(certificate.certificateFile),
        key: await readFile(certificate.keyFile),
        authMethods: ['PLAIN'],
        onAuth: ({ username, password }, _session, answer) =>
          answer(null, { user: `${username} ${password}` }),
        onData(stream, { user, envelope }, answer) {
          stream.resume().once('end', () => {
            seen.push(`${String(user)} ${envelope.mailFrom === false ? '' : envelope.mailFrom.address}`);
            answer();
          });
        },
      });
      server.on('error', () => undefined);
      const listener = server.listen(0, '127.0.0.1');
      teardown.defer(() => new Promise((resolve) => server.close(() => resolve(undefined))));
      await once(listener, 'listening');
      return (listener.address() as AddressInfo).port;
    }
  });

  it('logs the words that the page for troubleshooting has', async () => {
    const page = await readFile(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8');
    const words = tableRows(page, 'words in its log').flatMap(([cell = '']) => codeOf(cell)[0] ?? []);
    const [tls, refused, reply, table] = words as [string, string, string, string];
    const { relay, service } = scene;
    const closed = await freePort();
    const stumble = async (name: string, lines: string, from: string, expected: string) => {
      const postfix = teardown.add(await startPostfix(join(service.directory, name), lines));
      await submit(postfix.port, from).catch(() => undefined);
      await eventually(
        expected,
        async () => (await postfix.log()).includes(expected) || undefined,
        postfix.log,
      );
    };
    const relayhost = (port: number) => `relayhost = [127.0.0.1]:${port}\n`;
    const nowhere = join(service.directory, 'not-made');
    await Promise.all([
      stumble('no-policy', `${relayhost(relay.port)}smtp_tls_security_level = encrypt\n`, alice, tls),
      stumble('closed', relayhost(closed), alice, refused.replace('2525', String(closed))),
      stumble('unknown', relayhost(relay.port), stranger, reply.replace('454 4.7.0', '450 4.7.1')),
      stumble(
        'no-table',
        `sender_dependent_relayhost_maps = hash:${nowhere}\n`,
        alice,
        table.replace('/etc/postfix/relay_by_sender', nowhere),
      ),
    ]);
  });

  it('sends as docker-mailserver has it set up, all mail or that of some senders', async () => {
    const composeFile = await scene.block('docker-mailserver', 'compose.override.yaml');
    // No container engine runs here: that it is YAML, and what becomes of the setting, is all that can be seen.
    await format(composeFile, { parser: 'yaml' });
    const [, relayhost] = /DEFAULT_RELAY_HOST=(.*)/.exec(composeFile) ?? [];
    const all = await startPostfix(join(scene.service.directory, 'dms'), `relayhost = ${relayhost}\n`);
    teardown.add(all);
    expect(await scene.arrival(() => submit(all.port, bob))).toContain(sentBy(bob));

    const table = join(scene.service.directory, 'relay-by-sender.cf');
    await writeFile(table, await scene.block('docker-mailserver', 'relay-by-sender.cf'));
    const lines = await scene.block('docker-mailserver', 'postfix-main.cf', {
      '/tmp/docker-mailserver/relay-by-sender.cf': table,
    });
    const some = await startPostfix(
      join(scene.service.directory, 'dms-some'),
      `${lines}smtp_tls_security_level = encrypt\n`,
    );
    teardown.add(some);
    expect(await scene.arrival(() => submit(some.port, alice))).toContain(sentBy(alice));
  });

  it('sends through an instance of its own, senders rewritten that no account may use', async () => {
    const port = await freePort();
    const changes = { '10025': String(port) };
    const [commands, start] = await Promise.all(
      ['postmulti', 'postmulti start'].map((mark) => scene.block('postfix', mark, changes)),
    );
    const lines = [
      await scene.block('postfix', 'instance main.cf'),
      await scene.block('postfix', 'generic main.cf'),
      'myhostname = client.test\n',
    ];
    const machine = await makeDebianMachine(undefined, {
      directory: join(scene.service.directory, 'machine'),
      files: { '/etc/lines': lines.join('') },
    });
    const postfix = (script: string) => machine.run(['sh', '-ec', script]);
    await postfix(`${commands}cat /etc/lines >> /etc/postfix-oauth/main.cf\n${start}`);
    teardown.defer(() => postfix('postmulti -i postfix-oauth -p stop'));
    expect(await scene.arrival(() => submit(port, 'root@client.test'))).toContain(sentBy(alice));
  });
});
