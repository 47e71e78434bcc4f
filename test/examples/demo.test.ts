/** `npm run demo` without its build: the whole story in a child process, how it ends early, and its page. */
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { WriteStream } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificates } from '../../examples/demo/certificates.js';
import { readDialogue, readLog } from '../../examples/demo/dialogue.js';
import { startOpenIdProvider } from '../../examples/demo/openid-provider.js';
import { Story } from '../../examples/demo/story.js';
import { startSubmissionServer } from '../../examples/demo/submission-server.js';
import {
  type ExitStatus,
  run,
  type RunningProgram,
  startProgram,
  Teardown,
  temporaryDirectory,
} from '../support/process.js';

const demo = fileURLToPath(new URL('../../examples/demo/main.js', import.meta.url));
const byteForByte = /✓ \d+ octets arrived byte for byte, with token (\S+)/g;
/** Tokens, codes and secrets of the provider look like this, and nothing that the demo says does. */
const secretLike = /[\w+-]{32,}/;

const teardown = new Teardown();
/** Where the demo makes its temporary directory. */
let temporary: string;
let kept: string;
/** The two that wait for a token to expire do it at the same time. */
let whole: RunningProgram;
let endless: RunningProgram;
beforeAll(async () => {
  const directory = await temporaryDirectory();
  teardown.defer(directory.remove);
  temporary = directory.path;
  kept = join(temporary, 'kept');
  whole = startDemo({ MAILBEARER_DEMO_DIRECTORY: kept });
  endless = startDemo({}, '--keep');
});
afterAll(() => teardown.run());

function startDemo(env: NodeJS.ProcessEnv = {}, ...args: readonly string[]): RunningProgram {
  const program = startProgram(process.execPath, [demo, ...args], {
    name: 'the demo',
    env: { PATH: process.env['PATH'], TMPDIR: temporary, ...env },
  });
  return teardown.add(program);
}

describe('the demo', () => {
  let ended: ExitStatus;
  let output: string;
  beforeAll(async () => {
    ended = await whole.exited;
    output = whole.output();
  });

  test('brings both messages through, byte for byte, the second with another token', () => {
    expect({ ended, output }).toMatchObject({ ended: { code: 0 } });
    const tokens = [...output.matchAll(byteForByte)].map(([, token]) => token);
    expect(tokens).toHaveLength(2);
    expect(tokens[0]).not.toBe(tokens[1]);
  });

  test('shows the dialogue of both sides, what changed in the token file, and what to type next', () => {
    for (const shown of [
      /^ {3}> MAIL FROM:<alice@example\.test>/m,
      /^ {30,}> STARTTLS$/m,
      /^ {30,}> AUTH XOAUTH2 \[redacted\]$/m,
      /^ {3}access_token +(\S{4}…) +(?!\1)\S{4}…$/m,
      /^ {3}expiry +\d{10} .*\d{10} /m,
      /^ +sudo mailbearer get-token gmail /m,
      /^ +sudo mailbearer get-token outlook /m,
      /^ +relayhost = \[127\.0\.0\.1\]:2525$/m,
    ])
      expect(output).toMatch(shown);
  });

  test('shows no token', async () => {
    const file = await readFile(join(kept, 'tokens', 'alice@example.test'), 'utf8');
    const { access_token, refresh_token } = JSON.parse(file) as Record<string, string>;
    expect([access_token, refresh_token]).toEqual(Array(2).fill(expect.stringMatching(secretLike)));
    expect(output).not.toContain(access_token);
    expect(output).not.toContain(refresh_token);
    expect(output).not.toMatch(secretLike);
  });

  test('is plain text of 80 columns when nobody looks at a terminal', () => {
    const lines = output.split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.length).toBeLessThan(105);
    expect(output).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
  });
});

describe('the demo that ends early', () => {
  test('goes on with --keep until Ctrl-C, and what it says can be tried', async () => {
    await endless.waitForOutput(/what the relay answers then\./);
    const [commands = ''] = /^ +printf[^]*(?=^ {3}node .* --watch)/m.exec(endless.output()) ?? [];
    const shown = await run('sh', ['-ec', commands], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
    });
    expect(shown).toContain('alice@example.test');
    expect(shown).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/enter\?ticket=\S+$/m);
    await endless.waitForOutput(/✓ \d+ octets arrived, with token/);
    process.kill(endless.pid, 'SIGINT');
    expect(await endless.exited).toEqual({ code: 0, signal: null });
    expect(await leftovers()).toEqual([]);
  });

  test('fails when a message arrives with a changed octet, and shows what the relay said', async () => {
    const program = startDemo({ MAILBEARER_DEMO_CORRUPT: '1' });
    const { code } = await program.exited;
    const output = program.output();
    expect(code).toBe(1);
    expect(output).toMatch(/^demo failed: the message did not arrive byte for byte: octet \d+ differs$/m);
    expect(output).toMatch(/^mailbearer serve said:\n[^]*"message sent"/m);
    expect(output).not.toMatch(byteForByte);
    expect(await leftovers()).toEqual([]);
  });

  test('stops the relay and removes its files when it is interrupted', async () => {
    const program = startDemo();
    const [, port] = await program.waitForOutput(/takes mail on 127\.0\.0\.1:(\d+)/);
    expect(await isOpen(Number(port))).toBe(true);
    process.kill(program.pid, 'SIGINT');
    expect((await program.exited).code).toBe(130);
    expect(await isOpen(Number(port))).toBe(false);
    expect(await leftovers()).toEqual([]);
  });

  async function leftovers(): Promise<string[]> {
    return (await readdir(temporary)).filter((name) => name.startsWith('mailbearer-demo-'));
  }

  function isOpen(port: number): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', () => resolve(false));
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
    });
  }
});

test('the submission server refuses a token that the provider does not know, as Gmail does', async () => {
  const provider = await startOpenIdProvider();
  teardown.defer(provider.close);
  const certificates = await makeCertificates();
  const server = await startSubmissionServer({ provider, certificates });
  teardown.defer(server.close);
  const heard: string[] = [];
  const hear = (_entry: unknown, line: unknown) => void heard.push(String(line));
  const transport = createTransport({
    host: 'localhost',
    port: server.port,
    requireTLS: true,
    tls: { ca: certificates.authority },
    auth: { type: 'OAuth2', user: 'alice@example.test', accessToken: 'unknown' },
    debug: true,
    logger: { level: hear, trace: hear, debug: hear, info: hear, warn: hear, error: hear, fatal: hear },
  });
  await expect(transport.verify()).rejects.toMatchObject({ responseCode: 535 });
  // nodemailer tries twice.
  const [challenge = ''] = heard.flatMap((line) => /^334 (\S+)/.exec(line)?.[1] ?? []);
  const reason: unknown = JSON.parse(Buffer.from(challenge, 'base64').toString());
  expect(reason).toEqual({ status: '400', schemes: 'Bearer', scope: 'smtp' });
});

describe('the page of the demo', () => {
  /** What a story writes to a stream that is a terminal or not. */
  async function written(
    tell: (story: Story) => Promise<void> | void,
    env: NodeJS.ProcessEnv,
    isTTY: boolean,
  ): Promise<string> {
    const stream = Object.assign(new PassThrough(), { isTTY });
    await tell(new Story(stream as unknown as WriteStream, env, new AbortController().signal));
    stream.end();
    return text(stream);
  }

  test('is in colour only on a terminal, without NO_COLOR', async () => {
    const tell = (story: Story) => story.ok('done');
    expect(await written(tell, {}, true)).toBe('   \x1b[32m✓\x1b[0m done\n');
    expect(await written(tell, { NO_COLOR: '1' }, true)).toBe('   ✓ done\n');
    expect(await written(tell, { TERM: 'dumb' }, true)).toBe('   ✓ done\n');
    expect(await written(tell, {}, false)).toBe('   ✓ done\n');
  });

  test('counts down on a terminal only, and wipes that away', async () => {
    const tell = async (story: Story) => {
      let looks = 0;
      const what = { waitingFor: 'it', expectedAt: Date.now() + 60_000 };
      await story.countdown(what, async () => (++looks > 1 ? true : undefined));
    };
    const shown = (await written(tell, {}, true)).split('\r');
    expect(shown).toEqual(['', expect.stringMatching(/^ {3}waiting for it: \d+ s\x1b\[K$/), '\x1b[K']);
    expect(await written(tell, {}, false)).toBe('');
  });

  test('ends before the next step, and while it counts down, when it is told to', async () => {
    const controller = new AbortController();
    const stream = new PassThrough() as unknown as WriteStream;
    const story = new Story(stream, {}, controller.signal);
    const waiting = story.countdown({ waitingFor: 'it', expectedAt: 0 }, async () => undefined);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('aborted');
    expect(() => story.step('next')).toThrow('enough');
  });
});

describe('the dialogue in the log', () => {
  const trace = (side: object, msg: string) => JSON.stringify({ level: 'trace', ...side, msg });
  const client = { session: 'abc' };
  const upstream = { account: 'a@b', upstream: 'localhost' };

  test('has a row for each command and each reply, whichever side it is on', () => {
    const log = [
      trace(client, 'C: EHLO x'),
      trace(client, 'S: 250-me'),
      trace(client, 'S: 250-SIZE'),
      trace(client, 'S: 250 PIPELINING'),
      'a warning of Node',
      JSON.stringify({ level: 'info', msg: 'C: is not a command here' }),
      trace(upstream, 'S: 220 you'),
      trace(upstream, 'C: EHLO me'),
      '{"level":"trace","msg":"C: cut o',
    ].join('\n');
    expect(readDialogue(readLog(log))).toEqual([
      { side: 'client', speaker: 'C', text: 'EHLO x' },
      { side: 'client', speaker: 'S', text: '250 me SIZE PIPELINING' },
      { side: 'upstream', speaker: 'S', text: '220 you' },
      { side: 'upstream', speaker: 'C', text: 'EHLO me' },
    ]);
  });

  test('is completed with what is not in the log: the handshake and the message', () => {
    const log = [
      trace(upstream, 'S: 220 Ready to start TLS'),
      trace(upstream, 'S: 354 Go on'),
      trace(client, 'S: 354 Go on'),
    ].join('\n');
    const added = readDialogue(readLog(`${log}\n`)).filter(({ text }) => text.startsWith('['));
    expect(added.map(({ side, text }) => `${side} ${text}`)).toEqual([
      'upstream [TLS handshake]',
      'client [the message, a lone dot]',
      'upstream [the message, a lone dot]',
    ]);
  });
});
