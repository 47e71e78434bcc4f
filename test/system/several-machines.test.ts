/**
 * The guide for several machines, followed: two relays with their accounts in a real PostgreSQL, HAProxy before them and a
 * Postfix before that; each of the relays killed; then its backup and its exchange of a key.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseLenientJson } from '../../src/config/lenient-json.js';
import { type Postfix, startPostfix } from '../support/postfix.js';
import { PostgresServer, postgresMissing } from '../support/postgres.js';
import { eventually, freePort, run, type RunningProgram, startProgram } from '../support/process.js';
import { binaryPath, type Finished } from '../support/run-binary.js';
import { runHere } from '../support/run-here.js';
import { alice, blockOf, type Changes, inbox } from './guide.js';
import { type MailService, startMailService } from './mail-service.js';
import { compose } from './message.js';
import { programsMissing } from './requirements.js';
import { obtainTokens } from './sign-in.js';
import { submitMessage } from './smtp-dialogue.js';
import { teardown } from './teardown.js';

const message = compose('test', 'It works.\r\n');
const page = (mark: string, changes?: Changes) => blockOf('several-machines', mark, changes);

function jsonIn(block: string): object {
  const json = parseLenientJson(block);
  if (json.kind === 'problem') throw new Error(json.problem);
  return json.value as object;
}

/** One of the two, with what it has in /etc/mailbearer. */
interface Machine {
  readonly etc: string;
  readonly port: number;
  serve: RunningProgram;
}

describe.skipIf(programsMissing('haproxy') || postgresMissing())(
  'two machines, set up as their guide says',
  () => {
    let service: MailService;
    let server: PostgresServer;
    let machines: readonly [Machine, Machine];
    let front: number;
    let client: Postfix;
    let password: string;

    beforeAll(async () => {
      service = await startMailService({ accounts: [alice], recipients: [alice, inbox], rotate: true });
      server = await PostgresServer.start();
      teardown.defer(() => server.end());
      for (const statement of (await blockOf('../postgresql', 'role', { '…': 'relay password' })).split(
        ';\n',
      ))
        if (statement !== '') await server.sql(statement);
      const key = `k1 ${Buffer.alloc(32, 1).toString('base64')}\n`;
      const [one, two] = [await prepare('relay1', key), await prepare('relay2', key)];
      await server.sql((await mailbearer(one, 'store', 'init', '--print')).stdout, 'mailbearer');
      await signIn(one);
      const [, args = ''] =
        /^mailbearer (.*)\n$/.exec(await page('passwd', { 'you@gmail.com': alice })) ?? [];
      password = (await mailbearer(one, ...args.split(' '))).stdout.trim();
      await copyFile(join(one.etc, 'passwd'), join(two.etc, 'passwd'));
      machines = [await start(one), await start(two)];
      front = await startHaproxy();
      client = await postfixWith('client', '');
    });

    async function prepare(name: string, key: string): Promise<Omit<Machine, 'serve'>> {
      const { authority, directory, provider } = service;
      const etc = join(directory, name);
      const port = await freePort();
      await mkdir(etc);
      const certificate = await authority.issue(name);
      const files = {
        'postgres.password': 'relay password',
        'store.keys': key,
        'postgres-ca.pem': authority.certificate,
        'relay.pem': certificate.certificate,
        'relay.key': certificate.key,
      };
      for (const [file, content] of Object.entries(files))
        await writeFile(join(etc, file), content, { mode: 0o600 });
      const block = await page('config.json', {
        'db.example.com/': `127.0.0.1:${server.port}/`,
        '0.0.0.0:587': `127.0.0.1:${port}`,
        '192.0.2.0/24': '127.0.0.0/8',
        '/etc/mailbearer': etc,
      });
      const config = {
        ...jsonIn(block),
        client_id: provider.clientId,
        client_secret: provider.clientSecret,
        providers: {
          corp: {
            token_endpoint: provider.tokenEndpoint,
            smtp: { host: 'localhost', port: service.server.port },
            ca_bundle_file: authority.certificateFile,
          },
        },
        accounts: { [alice]: { provider: 'corp' } },
      };
      await writeFile(join(etc, 'config.json'), JSON.stringify(config), { mode: 0o600 });
      return { etc, port };
    }

    const environment = ({ etc }: Pick<Machine, 'etc'>) => ({
      MAILBEARER_CONFIG: join(etc, 'config.json'),
      STATE_DIRECTORY: join(etc, 'state'),
    });

    async function mailbearer(machine: Pick<Machine, 'etc'>, ...args: string[]): Promise<Finished> {
      const finished = await runHere(args, { env: environment(machine) });
      expect(`${finished.status} ${finished.stderr}`).toMatch(/^0 /);
      return finished;
    }

    /** A person does, and the tokens go into the database. */
    async function signIn(machine: Pick<Machine, 'etc'>): Promise<void> {
      const { accessToken, refreshToken } = await obtainTokens(service.provider, alice);
      const file = join(service.directory, alice);
      const expiry = String(Math.floor(Date.now() / 1000) + 3600);
      await writeFile(
        file,
        JSON.stringify({ access_token: accessToken, refresh_token: refreshToken, expiry }),
      );
      await mailbearer(machine, 'store', 'import', file, '--overwrite');
    }

    /** With keys over those of its configuration. */
    async function start(machine: Omit<Machine, 'serve'>, over: object = {}): Promise<Machine> {
      const env = {
        ...{ ...process.env, ...environment(machine), MAILBEARER_SETTINGS: JSON.stringify(over) },
      };
      const serve = startProgram(process.execPath, [binaryPath, 'serve'], { name: 'mailbearer serve', env });
      teardown.add(serve);
      await serve.waitForOutput(/"msg":"ready"/);
      return { ...machine, serve };
    }

    async function startHaproxy(): Promise<number> {
      const port = await freePort();
      const changes = Object.fromEntries(
        machines.map((machine, at) => [`relay${at + 1}.example.com:587`, `127.0.0.1:${machine.port}`]),
      );
      const file = join(service.directory, 'haproxy.cfg');
      await writeFile(file, await page('haproxy.cfg', { ...changes, 'bind :587': `bind 127.0.0.1:${port}` }));
      teardown.add(startProgram('haproxy', ['-db', '-f', file], { name: 'haproxy' }));
      return port;
    }

    /** A client with the page's lines; those in `over` count instead. */
    async function postfixWith(name: string, over: string, hosts = [`localhost:${front}`]): Promise<Postfix> {
      const passwords = join(service.directory, `${name}-passwd`);
      const line = await page('sasl_passwd', { 'you@gmail.com': alice, PASSWORD: password });
      const lines = hosts.map((host) =>
        line.replace('[smtp.example.com]:587', host.replace(/(.*):/, '[$1]:')),
      );
      await writeFile(passwords, lines.join(''));
      await run('postmap', [passwords]);
      const mainCf = await page('main.cf', {
        '[smtp.example.com]:587': `[localhost]:${front}`,
        '/etc/postfix/sasl_passwd': passwords,
        '/etc/ssl/certs/ca-certificates.crt': service.authority.certificateFile,
      });
      const all = `myhostname = client.test\nsmtp_host_lookup = native\n${mainCf}${over}`;
      return teardown.add(await startPostfix(join(service.directory, name), all));
    }

    /** The message has arrived when it resolves, and was signed in for by alice's token. */
    async function send(postfix = client): Promise<void> {
      const known = (await service.server.messages(inbox)).length;
      await submitMessage(postfix.port, { from: alice, to: [inbox], message });
      const arrived = await eventually(
        'the message',
        async () => (await service.server.messages(inbox))[known],
        async () => [await postfix.log(), ...machines.map(({ serve }) => serve.output())].join('\n'),
      );
      expect(arrived.toString('latin1')).toContain(`(Authenticated sender: ${alice})`);
    }

    it('mail goes on through the other one, whichever is killed', async () => {
      await send();
      for (const at of [0, 1] as const) {
        const [dying, other] = at === 0 ? machines : [machines[1], machines[0]];
        dying.serve.signal('SIGKILL');
        await dying.serve.exited;
        const offset = other.serve.output().length;
        await send();
        await other.serve.waitForOutput(/message sent/, offset);
        const again = await start(dying);
        machines = at === 0 ? [again, other] : [other, again];
      }
    });

    it('Postfix finds the one that is there by itself', async () => {
      const [one, two] = machines;
      const list = await page('list main.cf', {
        'relay1.example.com]:587': `localhost]:${one.port}`,
        'relay2.example.com]:587': `localhost]:${two.port}`,
      });
      const hosts = [`localhost:${one.port}`, `localhost:${two.port}`];
      const direct = await postfixWith('direct', list, hosts);
      one.serve.signal('SIGKILL');
      await one.serve.exited;
      await send(direct);
      // It goes on, too, where one waits for its database and defers.
      const waiting = await start(one, { token_store: 'postgres://mailbearer@127.0.0.1:1/mailbearer' });
      await send(direct);
      await waiting.serve.waitForOutput(/message deferred/);
      await waiting.serve.stop();
      machines = [await start(one), two];
    });

    it('a key is exchanged while both relays run', async () => {
      const shell = async (mark: string, { etc }: Machine) =>
        run('sh', ['-c', await page(mark, { '/etc/mailbearer': etc })]);
      /** Puts the lines into the keys of both, and resolves when both have read them. */
      const setKeys = async (lines: readonly string[]) => {
        for (const { etc, serve } of machines) {
          const offset = serve.output().length;
          await writeFile(join(etc, 'store.keys'), `${lines.join('\n')}\n`);
          await serve.waitForOutput(/configuration reloaded/, offset);
        }
      };
      const [one] = machines;
      await shell('new-key', one);
      const [old, made] = (await readFile(join(one.etc, 'store.keys'), 'utf8')).split('\n') as [
        string,
        string,
      ];
      await setKeys([old, made, '']);
      await setKeys([made, old]);
      const [, args = ''] = /^mailbearer (.*)\n$/.exec(await page('rekey')) ?? [];
      expect((await mailbearer(one, ...args.split(' '))).stdout).toBe(`${made.split(' ')[0]}: 1\n`);
      await setKeys([made]);
      await send();
      await mailbearer(one, 'refresh', alice);
      for (const { serve } of machines) expect(serve.output()).not.toContain('is not among the keys');
    });

    it('an old backup asks for a new sign-in where the provider rotates strictly, and says so', async () => {
      const [one, two] = machines;
      const env = { ...process.env, PGHOST: server.directory, PGPORT: String(server.port), PGUSER: 'owner' };
      const database = async (mark: string) =>
        run('sh', ['-c', await page(mark)], { cwd: service.directory, env });
      await database('backup');
      const [, command = ''] = /^mailbearer (.*)\n$/.exec(await page('try-all')) ?? [];
      await mailbearer(one, command);
      await Promise.all(machines.map(({ serve }) => serve.stop()));
      await database('restore');
      expect(await runHere([command], { env: environment(one) })).toMatchObject({
        status: 77,
        stderr: expect.stringMatching(
          /invalid_grant[^]*mailbearer get-token corp alice@example.test --overwrite/,
        ) as string,
      });
      await signIn(one);
      machines = [await start(one), await start(two)];
      await send();
    });
  },
);
