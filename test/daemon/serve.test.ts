/** `mailbearer serve` as a process: how it starts, what it says, how it stops. */
import { createServer } from 'node:net';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { eventually, freePort, temporaryDirectory } from '../support/process.js';
import { TestClient } from '../support/relay-under-test.js';
import { type Conversation, runBinary, startBinary } from '../support/run-binary.js';
import { startTokenEndpoint } from '../support/token-endpoint.js';

let directory: string;
let remove: () => Promise<void>;
let running: Conversation[] = [];

beforeEach(async () => {
  const temporary = await temporaryDirectory();
  directory = temporary.path;
  remove = () => temporary.remove();
  await mkdir(join(directory, 'tokens'));
});
afterEach(async () => {
  for (const one of running.splice(0)) {
    one.signal('SIGKILL');
    await one.finished;
  }
  await remove();
});

async function configure(json: object): Promise<string> {
  const file = join(directory, 'config.json');
  await writeFile(file, JSON.stringify({ token_dir: join(directory, 'tokens'), ...json }));
  return file;
}

function serve(configFile: string, ...args: string[]): Conversation {
  const started = startBinary(['serve', '--config-file', configFile, ...args]);
  running.push(started);
  return started;
}

async function ready(conversation: Conversation): Promise<number> {
  const [, port] = await conversation.says(/"port":(\d+)/);
  await conversation.says(/"msg":"ready"/);
  return Number(port);
}

describe('serve', () => {
  it('keeps tokens fresh where it listens nowhere', async () => {
    const process = serve(await configure({ client_id: 'id', relay: { listen: [] } }));
    await process.says(/"msg":"ready"/);
    const token = { access_token: 'A', refresh_token: 'R', expiry: '2147483000' };
    await writeFile(join(directory, 'tokens', 'a@b.example'), JSON.stringify(token));
    await process.says(/"msg":"account added"/);
    process.signal('SIGTERM');
    expect((await process.finished).status).toBe(exitStatus.ok);
  });

  it('starts without any account, answers 451, and stops with 0 at SIGTERM and SIGINT', async () => {
    const config = await configure({ relay: { listen: '127.0.0.1:0' } });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const process = serve(config);
      const client = await TestClient.connect(await ready(process));
      expect(await client.reply()).toMatch(/^220 /);
      await client.say('EHLO c');
      expect(await client.say('MAIL FROM:<a@b.example>')).toMatch(/^451 4\.3\.5 no account is usable/);
      process.signal(signal);
      expect(await client.rest()).toEqual([expect.stringMatching(/^421 4\.3\.2 /)]);
      const { status, stdout, stderr } = await process.finished;
      expect([status, stdout]).toEqual([exitStatus.ok, '']);
      expect(stderr).toContain('"msg":"stopped"');
    }
  });

  it('writes one JSON object a line when stderr is no terminal', async () => {
    const process = serve(await configure({ relay: { listen: '127.0.0.1:0' } }));
    await ready(process);
    process.signal('SIGTERM');
    const { stderr } = await process.finished;
    for (const line of stderr.trimEnd().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({
        level: expect.any(String),
        time: expect.any(String),
        msg: expect.any(String),
      });
    }
  });

  it('warns of a token file that strangers may read, and says what closes it', async () => {
    const token = join(directory, 'tokens', 'a@b.example');
    await writeFile(token, '{"refresh_token":"R"}');
    await chmod(token, 0o644);
    const process = serve(await configure({ relay: { listen: '127.0.0.1:0' } }));
    await ready(process);
    process.signal('SIGTERM');
    const { stderr } = await process.finished;
    const lines = stderr.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        msg: `everyone on this machine may read ${token} (mode 0644), which holds secrets`,
        hint: `chmod o= ${token}`,
      }),
    );
  });

  it('says which port is in use, and how to find by whom', async () => {
    const holder = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => holder.listen(port, '127.0.0.1', resolve));
    const config = await configure({ relay: { listen: `127.0.0.1:${port}` } });
    const { status, stderr } = await runBinary(['serve', '--config-file', config]);
    holder.close();
    expect(status).toBe(exitStatus.unavailable);
    expect(stderr).toContain(`cannot listen on 127.0.0.1:${port}`);
    expect(stderr).toContain(`hint: another program has the port`);
  });

  it('refuses two accounts that claim one sender', async () => {
    for (const name of ['one', 'two']) {
      const token = { refresh_token: 'r', client_id: 'c', user: 'a@b.example' };
      await writeFile(join(directory, 'tokens', name), JSON.stringify(token));
    }
    const { status, stderr } = await runBinary(['serve', '--config-file', await configure({})]);
    expect(status).toBe(exitStatus.config);
    expect(stderr).toContain('a@b.example');
    expect(stderr).toContain(join(directory, 'tokens', 'one'));
    expect(stderr).toContain(join(directory, 'tokens', 'two'));
  });

  it('keeps a token fresh that nobody submits mail with, and answers 454 for its sender', async () => {
    const endpoint = await startTokenEndpoint();
    const file = join(directory, 'tokens', 'imap');
    await writeFile(
      file,
      JSON.stringify({ refresh_token: 'r', client_id: 'c', token_endpoint: endpoint.url }),
    );
    const process = serve(await configure({ relay: { listen: '127.0.0.1:0' } }));
    const port = await ready(process);
    await process.says(/"msg":"token refreshed"/);
    const client = await TestClient.connect(port);
    await client.reply();
    await client.say('EHLO c');
    expect(await client.say('MAIL FROM:<x@y.example>')).toMatch(
      /^454 4\.7\.0 imap: the account lacks a setting/,
    );
    client.end();
    await endpoint.close();
  });

  it('goes on when whoever read its log is gone', async () => {
    const process = serve(await configure({ relay: { listen: '127.0.0.1:0' } }));
    const port = await ready(process);
    process.hangUp();
    const client = await TestClient.connect(port);
    await client.reply();
    await client.say('EHLO c');
    for (let round = 0; round < 3; round++)
      expect(await client.say('MAIL FROM:<a@b.example>')).toMatch(/^451 /);
    process.signal('SIGTERM');
    expect((await process.finished).status).toBe(exitStatus.ok);
  });

  it('as root warns that it should run as the owner of the token files', async (context) => {
    if (process.getuid?.() !== 0) return context.skip('needs root');
    const started = serve(await configure({ relay: { listen: '127.0.0.1:0' } }));
    await started.says(/running as root/);
  });
});

describe('the events of serve', () => {
  it('reach on_event, hold no secret, and leave their traces in the state directory', async () => {
    const endpoint = await startTokenEndpoint();
    try {
      endpoint.script({ status: 400, body: { error: 'invalid_grant', error_description: 'hidden-refresh' } });
      const events = join(directory, 'events');
      const config = await configure({
        client_id: 'id',
        client_secret: 'hidden-client',
        secret_expires: '2001-01-01',
        token_endpoint: endpoint.url.href,
        state_dir: join(directory, 'state'),
        on_event: `cat >> ${events}`,
        relay: { listen: '127.0.0.1:0' },
      });
      const token = { access_token: 'hidden-access', refresh_token: 'hidden-refresh', expiry: '1' };
      await writeFile(join(directory, 'tokens', 'a@b.example'), JSON.stringify(token));
      const process = serve(config);
      const text = await eventually('both events', async () => {
        const said = await readFile(events, 'utf8').catch(() => '');
        return said.split('\n').length > 2 ? said : undefined;
      });
      process.signal('SIGTERM');
      const { status } = await process.finished;
      expect(status).toBe(exitStatus.ok);
      const told = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { event: string; account: string });
      expect(told.map(({ event }) => event).toSorted()).toEqual(['expires-soon', 'needs-authorization']);
      expect(told.every(({ account }) => account === 'a@b.example')).toBe(true);
      const state = await readFile(join(directory, 'state', 'state.json'), 'utf8');
      expect(JSON.parse(state)).toMatchObject({
        accounts: { 'a@b.example': { trouble: 'needs-authorization' } },
      });
      expect(text + state).not.toContain('hidden');
    } finally {
      await endpoint.close();
    }
  });
});
