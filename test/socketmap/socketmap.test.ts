/** The socketmap of a whole daemon, asked as Postfix asks, and as nobody should. */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { systemClock } from '../../src/core/clock.js';
import { type Daemon, startDaemon } from '../../src/daemon/serve.js';
import { SocketmapFigures } from '../../src/socketmap/figures.js';
import { answerTo } from '../../src/socketmap/lookup.js';
import { SocketmapServer } from '../../src/socketmap/server.js';
import { eventually, temporaryDirectory } from '../support/process.js';
import { type LogLine, loggerInto } from '../support/recording-logger.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { writeTokenFile } from '../support/token-files.js';
import { VirtualClock } from '../support/virtual-clock.js';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Scene {
  readonly directory: string;
  readonly socket: string;
  readonly endpoint: TokenEndpoint;
  readonly daemon: Daemon;
  readonly log: readonly LogLine[];
  /** Puts another configuration in service. */
  readonly change: (changes: object) => Promise<void>;
}

interface SceneOptions {
  readonly accounts?: Readonly<Record<string, object>>;
  /** Seconds that the tokens have left. */
  readonly lifeSeconds?: number;
  readonly changes?: object;
}

const group = String(process.getgid?.() ?? 0);
const gmail = { host: 'smtp.gmail.com' };
const other = { host: 'smtp.example.net', port: 465 };

async function start({ accounts, changes, lifeSeconds = 3600 }: SceneOptions = {}): Promise<Scene> {
  const root = await temporaryDirectory();
  closers.push(() => root.remove());
  const endpoint = await startTokenEndpoint();
  closers.push(() => endpoint.close());
  const directory = join(root.path, 'tokens');
  await mkdir(directory);
  const all = accounts ?? { 'a@b.example': { smtp: gmail }, 'c@d.example': { smtp: other } };
  for (const name of Object.keys(all)) {
    const fields = { access_token: `token-of-${name}` };
    await writeTokenFile(join(directory, name), systemClock, lifeSeconds, fields);
  }
  const socket = join(root.path, 'socketmap');
  const configuration = {
    client_id: 'id',
    token_endpoint: endpoint.url.href,
    token_dir: directory,
    state_dir: root.path,
    accounts: all,
    relay: { listen: [] },
    socketmap: { listen: `unix:${socket}`, group },
  };
  const log: LogLine[] = [];
  const read = (more: object = {}) => parseConfig({ ...configuration, ...more }, undefined).config;
  const daemon = await startDaemon(read(changes), loggerInto(log));
  closers.push(() => daemon.close());
  return { directory, socket, endpoint, daemon, log, change: (more) => daemon.reconfigure(read(more)) };
}

class Asker {
  readonly socket: Socket;
  said = '';
  closed = false;

  constructor(where: string) {
    this.socket = where.startsWith('/')
      ? connect(where)
      : connect(Number(where.split(':').at(-1)), '127.0.0.1');
    this.socket.setEncoding('utf8').on('data', (text: string) => (this.said += text));
    this.socket.on('error', () => undefined).on('close', () => (this.closed = true));
    closers.push(() => this.socket.destroy());
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** All answers so far, once there are so many. */
  answers(count: number): Promise<readonly string[]> {
    return eventually('answers', () => {
      const found = [...this.said.matchAll(/\d+:([^,]*),/g)].map(([, answer = '']) => answer);
      return found.length >= count ? found : undefined;
    });
  }

  end(): Promise<true> {
    return eventually('the end of the connection', () => this.closed || undefined);
  }
}

const question = (key: string, name = 'tokens') => {
  const text = `${name} ${key}`;
  return `${Buffer.byteLength(text)}:${text},`;
};

async function ask(socket: string, key: string): Promise<string> {
  const [answer = ''] = await new Asker(socket).send(question(key)).answers(1);
  return answer;
}

describe('the socketmap', () => {
  it('gives login and token by sender, one question after the other', async () => {
    const { socket } = await start();
    const asker = new Asker(socket);
    const keys = ['a@b.example', 'A+tag@B.example', 'x@y.example', 'c@d.example'];
    expect(await asker.send(keys.map((key) => question(key)).join('')).answers(4)).toEqual([
      'OK a@b.example:token-of-a@b.example',
      'OK a@b.example:token-of-a@b.example',
      'NOTFOUND ',
      'OK c@d.example:token-of-c@d.example',
    ]);
    expect(await asker.send(question('a@b.example', 'any')).answers(5)).toHaveLength(5);
  });

  it.each([
    ['smtp.gmail.com', 'OK a@b.example:token-of-a@b.example'],
    ['[SMTP.gmail.com]:587', 'OK a@b.example:token-of-a@b.example'],
    ['[smtp.gmail.com]:submission', 'OK a@b.example:token-of-a@b.example'],
    ['[smtp.gmail.com]:25', 'NOTFOUND '],
    ['smtp.example.net:465', 'OK c@d.example:token-of-c@d.example'],
    ['smtp.elsewhere.example', 'NOTFOUND '],
    ['', 'NOTFOUND '],
    ['root', 'NOTFOUND '],
    ['two words', 'NOTFOUND '],
  ])('gives to the server "%s" what its only account has', async (key, answer) => {
    const { socket } = await start();
    expect(await ask(socket, key)).toBe(answer);
  });

  it('has mail wait where several accounts are at a server, unless one is for all that is left', async () => {
    const accounts = { 'a@b.example': { smtp: gmail }, 'c@d.example': { smtp: gmail } };
    const { change, socket } = await start({ accounts });
    expect(await ask(socket, '[smtp.gmail.com]:587')).toMatch(/^TEMP .*set default_account/);
    await change({ default_account: 'c@d.example' });
    expect(await ask(socket, '[smtp.gmail.com]:587')).toMatch(/^OK c@d\.example:/);
    expect(await ask(socket, 'nobody@e.example')).toMatch(/^OK c@d\.example:/);
  });

  it('lets mail of a broken account leave through no other', async () => {
    const accounts = { 'a@b.example': { smtp: gmail }, 'c@d.example': { smtp: gmail } };
    const { directory, socket } = await start({ accounts });
    await rm(join(directory, 'c@d.example'));
    await eventually('the account to be missed', async () => {
      const answer = await ask(socket, 'c@d.example');
      return answer === 'TEMP c@d.example: the token file is missing' || undefined;
    });
    expect(await ask(socket, 'smtp.gmail.com')).toMatch(/^TEMP .*several/);
    expect(await ask(socket, 'a@b.example')).toMatch(/^OK /);
  });

  it('has mail wait where a broken account may be the one that is meant', async () => {
    const { directory, socket } = await start({ accounts: { 'a@b.example': { smtp: gmail } } });
    expect(await ask(socket, 'smtp.gmail.com')).toMatch(/^OK /);
    await writeFile(join(directory, 'c@d.example'), 'damaged');
    await eventually(
      'the account to be seen',
      async () => /^TEMP .*several/.test(await ask(socket, 'smtp.gmail.com')) || undefined,
    );
    expect(await ask(socket, 'a@b.example')).toMatch(/^OK /);
    expect(await ask(socket, 'c@d.example')).toBe('TEMP c@d.example: the token file is damaged');
  });

  it('has all mail wait while no account can be used', async () => {
    const { socket } = await start({ accounts: {} });
    expect(await ask(socket, 'a@b.example')).toBe('TEMP no account is usable');
    expect(await ask(socket, 'smtp.gmail.com')).toBe('TEMP no account is usable');
  });

  it('refreshes a token that has expired, once for all who ask, and says what went wrong', async () => {
    const { endpoint, log, socket } = await start({ lifeSeconds: -1 });
    const fresh = await Promise.all(Array.from({ length: 5 }, () => ask(socket, 'a@b.example')));
    expect(new Set(fresh)).toEqual(new Set(['OK a@b.example:access-token-1']));
    expect(endpoint.requests.length).toBeLessThanOrEqual(2);
    endpoint.script({ status: 400, body: { error: 'invalid_grant' } });
    const dead = await start({ accounts: { 'e@f.example': { smtp: gmail } }, lifeSeconds: -1 });
    dead.endpoint.script({ status: 400, body: { error: 'invalid_grant' } });
    expect(await ask(dead.socket, 'e@f.example')).toBe(
      'TEMP e@f.example: the sign-in has ended and must be repeated (invalid_grant)',
    );
    expect(dead.log).toContainEqual(
      expect.objectContaining({
        message: 'the socketmap has no token now',
        fields: expect.objectContaining({ account: 'e@f.example', code: 'grant-dead' }) as object,
      }),
    );
    expect(JSON.stringify([...log, ...dead.log])).not.toMatch(/token-of-|access-token-1/);
  });

  it('has no answer for a login name that Postfix would cut', async () => {
    const { socket } = await start({ accounts: { 'a@b.example': { smtp: gmail, user: 'a:b' } } });
    expect(await ask(socket, 'a@b.example')).toMatch(/^TEMP a@b\.example: .*holds a colon/);
  });

  it.each([
    ['a length without end', '9'.repeat(500_000), 'longer than 100000 octets'],
    ['more than is allowed', '100001:', 'longer than 100000 octets'],
    ['no comma', '8:tokens axxx', 'no comma at the end'],
    ['no netstring', 'GET / HTTP/1.1\r\n\r\n', 'expected a length and a colon'],
    ['no key', '6:tokens,', 'no name, space and key'],
    ['a zero octet', '10:tokens a\0b,', 'no name, space and key'],
  ])('ends a connection with %s', async (_, text, problem) => {
    const { daemon, log, socket } = await start();
    const asker = new Asker(socket).send(text);
    await asker.end();
    expect(asker.said).toBe(netstringOf(`PERM not understood: ${problem}`));
    expect(log).toContainEqual(
      expect.objectContaining({ message: 'the socketmap was sent something that is no request' }),
    );
    expect(await ask(socket, 'a@b.example')).toMatch(/^OK /);
    expect(daemon.accounts()).toHaveLength(2);
  });

  it('takes questions of any size that is allowed, in pieces of any size', async () => {
    const { socket } = await start();
    const asker = new Asker(socket);
    const long = question('x'.repeat(99_000) + '@b.example');
    for (let at = 0; at < long.length; at += 7_919) {
      asker.send(long.slice(at, at + 7_919));
      await new Promise(setImmediate);
    }
    expect(await asker.answers(1)).toEqual(['NOTFOUND ']);
    for (const octet of question('a@b.example')) asker.send(octet);
    expect((await asker.answers(2))[1]).toMatch(/^OK /);
  });

  it('finishes what it was asked when a client has said all, and when it is stopped', async () => {
    const { daemon, socket } = await start();
    const asker = new Asker(socket).send(question('a@b.example'));
    asker.socket.end();
    await asker.end();
    expect(asker.said).toMatch(/OK a@b\.example/);
    const idle = new Asker(socket).send(question('a@b.example'));
    await idle.answers(1);
    await daemon.close();
    await idle.end();
    await expect(stat(socket)).rejects.toThrow(/ENOENT/);
  });
});

function netstringOf(text: string): string {
  return `${text.length}:${text},`;
}

describe('a client of the socketmap', () => {
  async function alone(): Promise<{ clock: VirtualClock; where: string }> {
    const clock = new VirtualClock();
    const unknown = () => ({ kind: 'unknown' }) as const;
    const directory = { lookup: unknown, lookupServer: unknown };
    const server = await SocketmapServer.start(
      { listen: { kind: 'tcp', host: '127.0.0.1', port: 0 }, group: '' },
      { clock, logger: loggerInto([]), figures: new SocketmapFigures(), directory: () => directory },
    );
    closers.push(async () => {
      const closed = server.close();
      await clock.advance(3_000);
      await closed;
    });
    return { clock, where: server.where };
  }

  it.each([
    ['a question', '', '2'],
    ['one that begins behind another', question('x'), '2'],
  ])('has ten seconds for %s, however slowly it drips', async (_, before, begun) => {
    const { clock, where } = await alone();
    const asker = new Asker(where).send(before + begun);
    if (before !== '') await asker.answers(1);
    let seconds = 0;
    await eventually('its end', async () => {
      asker.send(seconds === 0 ? '000:' : 'x');
      // One that may rest has two minutes.
      if (++seconds < 60) await clock.advance(1_000);
      return asker.closed || undefined;
    });
    expect(seconds).toBeGreaterThan(9);
  });

  it('is turned away while there are five hundred others', async () => {
    const { where } = await alone();
    const many = Array.from({ length: 500 }, () => new Asker(where));
    await Promise.all(many.map((asker) => asker.send(question('x')).answers(1)));
    await new Asker(where).send(question('x')).end();
    many[0]!.socket.destroy();
    await eventually('a place', async () => {
      const asker = new Asker(where).send(question('x'));
      await eventually('an answer', () => asker.closed || asker.said !== '' || undefined);
      return asker.said === '' ? undefined : true;
    });
  });
});

describe('the place of the socketmap', () => {
  it('is open to its group, and replaces a socket that nobody has', async () => {
    const { daemon, socket } = await start();
    const { gid, mode } = await stat(socket);
    expect([gid, mode & 0o777]).toEqual([Number(group), 0o660]);
    expect(daemon.addresses).toEqual([]);
    const second = await start().catch(() => undefined);
    expect(second?.socket).not.toBe(socket);
  });

  it('is not taken from another process, nor from a file', async () => {
    const { change, directory, socket } = await start();
    const taken = join(directory, 'not-a-socket');
    await writeFile(taken, 'kept');
    await expect(change({ socketmap: { listen: `unix:${taken}`, group } })).rejects.toThrow(/no socket/);
    await expect(start({ changes: { socketmap: { listen: `unix:${socket}`, group } } })).rejects.toThrow(
      /EADDRINUSE/,
    );
    expect(await ask(socket, 'a@b.example')).toMatch(/^OK /);
  });

  it('moves with the configuration, which is refused whole when it cannot', async () => {
    const { change, directory, log, socket } = await start();
    const kept = new Asker(socket).send(question('a@b.example'));
    await kept.answers(1);
    await change({
      accounts: { 'a@b.example': { smtp: gmail, senders: ['z@z.example'] }, 'c@d.example': {} },
    });
    expect((await kept.send(question('z@z.example')).answers(2))[1]).toMatch(/^OK a@b\.example:/);

    const nowhere = `unix:${join(directory, 'no', 'where')}`;
    await expect(change({ socketmap: { listen: nowhere, group } })).rejects.toMatchObject({
      hint: expect.stringContaining('install -d') as string,
    });
    await expect(
      change({ socketmap: { listen: `unix:${socket}`, group: 'no-such-group' } }),
    ).rejects.toMatchObject({
      message: 'socketmap.group: there is no group "no-such-group" on this machine',
      hint: expect.stringContaining('name the group') as string,
    });
    expect(await ask(socket, 'a@b.example')).toMatch(/^OK /);

    await change({ socketmap: { listen: '127.0.0.1:0', insecure: true } });
    await expect(stat(socket)).rejects.toThrow(/ENOENT/);
    const where = String(log.findLast(({ message }) => message === 'answering Postfix')?.fields['where']);
    expect(await ask(where, 'a@b.example')).toMatch(/^OK /);
    await change({ socketmap: {} });
    await new Asker(where).end();
  });

  it.each([
    ['127.0.0.1:2526', false, /every user of this machine can reach 127\.0\.0\.1/],
    ['0.0.0.0:2526', true, /other machines can reach 0\.0\.0\.0/],
    ['unix:relative', false, /expected an absolute path/],
    [`unix:/${'x'.repeat(107)}`, false, /may have 107 octets/],
    ['nonsense', false, /expected "unix:\/path"/],
  ])('may not be %s', (listen, insecure, problem) => {
    expect(() => parseConfig({ socketmap: { listen, insecure } }, undefined)).toThrow(problem);
  });
});

describe('an answer', () => {
  it('is no more than that there is none now, whatever goes wrong', async () => {
    const directory = {
      lookup: () => {
        throw new Error('secret words');
      },
      lookupServer: () => ({ kind: 'unknown' }) as const,
    };
    expect((await answerTo('a@b.example', directory)).reply).toEqual({
      kind: 'temp',
      reason: 'internal error',
    });
  });
});
