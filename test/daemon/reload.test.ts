/** How `serve` takes over another configuration: at SIGHUP, and when a file has changed. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { eventually, freePort, isListenedOn, temporaryDirectory } from '../support/process.js';
import { endClients, greetedClient } from '../support/relay-under-test.js';
import { type Conversation, hasTerminals, startBinary, startOnTerminal } from '../support/run-binary.js';

let directory: string;
let config: string;
let port: number;
let service: Conversation;
let said: string;
let remove: () => Promise<void>;

beforeEach(async () => {
  const temporary = await temporaryDirectory();
  directory = temporary.path;
  remove = () => temporary.remove();
  await mkdir(join(directory, 'tokens'));
  config = join(directory, 'config.json');
  port = await freePort();
  said = '';
});
afterEach(async () => {
  endClients();
  service.signal('SIGKILL');
  await service.finished;
  await remove();
});

/** As an editor does it: another file in its place. */
async function configure(json: object | string): Promise<void> {
  const text =
    typeof json === 'string'
      ? json
      : JSON.stringify({
          token_dir: join(directory, 'tokens'),
          relay: { listen: `127.0.0.1:${port}` },
          ...json,
        });
  await writeFile(`${config}.new`, text);
  await rename(`${config}.new`, config);
}

async function start(): Promise<void> {
  service = startBinary(['serve', '--config-file', config]);
  await says(/"msg":"ready"/);
}

/** Something that it had not said when this was asked before. */
async function says(pattern: RegExp): Promise<void> {
  const before = said;
  const match = await service.says(new RegExp(`^[^]{${before.length}}[^]*?${pattern.source}`));
  said = match[0];
}

const answer = async (sender: string): Promise<string> =>
  (await greetedClient(port)).say(`MAIL FROM:<${sender}>`);

describe('the configuration of serve', () => {
  it('is read again when the file has changed, without a word from anyone', async () => {
    await configure({});
    await start();
    const before = await greetedClient(port);
    expect(await before.say('MAIL FROM:<a@b.example>')).toMatch(/^451 4\.3\.5 no account is usable/);
    await configure({ accounts: { 'a@b.example': { provider: 'gmail' } } });
    await says(/"msg":"configuration reloaded"/);
    expect(await answer('a@b.example')).toMatch(/^454 4\.7\.0 a@b\.example: /);
    expect(await before.say('MAIL FROM:<a@b.example>')).toMatch(/^451 4\.3\.5 no account is usable/);
    await configure({ accounts: { 'c@d.example': { provider: 'gmail' } } });
    await says(/"msg":"configuration reloaded"/);
    expect(await answer('c@d.example')).toMatch(/^454 4\.7\.0 c@d\.example: /);
  });

  it('is read again at SIGHUP, with files that it refers to', async () => {
    const secret = join(directory, 'secret');
    await writeFile(secret, 'one');
    await configure({ client_id: 'id', client_secret: { file: secret } });
    await start();
    service.signal('SIGHUP');
    await says(/"msg":"configuration reloaded"/);
    await writeFile(secret, 'two');
    await says(/"msg":"configuration reloaded"/);
    await rm(secret);
    await says(/"msg":"configuration refused, the one before stays in service: [^"]*secret/);
    expect(await answer('a@b.example')).toMatch(/^451 /);
  });

  it('stays as it was when the new one is no good, and the log says why', async () => {
    await configure({ accounts: { 'a@b.example': { provider: 'gmail' } } });
    await start();
    const held = await greetedClient(port);
    await configure('{ "relay": nonsense }');
    await says(/configuration refused, the one before stays in service: [^\n]*config\.json/);
    await configure({ default_account: 'nobody@b.example' });
    await says(
      /configuration refused, the one before stays in service: default_account: there is no account/,
    );
    await configure({ relay: { listen: 'nowhere' } });
    await says(/configuration refused, the one before stays in service: [^\n]*relay\.listen: expected/);
    await rm(config);
    service.signal('SIGHUP');
    await says(/configuration refused, the one before stays in service: [^\n]*no such file/);
    expect(await answer('a@b.example')).toMatch(/^454 /);
    expect(await held.say('MAIL FROM:<a@b.example>')).toMatch(/^454 /);
    await configure({});
    await says(/"msg":"configuration reloaded"/);
    expect(await answer('a@b.example')).toMatch(/^451 /);
  });

  it('changes ports, level of the log and command for events with it', async () => {
    await configure({ log_level: 'error' });
    service = startBinary(['serve', '--config-file', config]);
    await eventually('the port', async () => (await isListenedOn(port)) || undefined);
    const other = await freePort();
    const events = join(directory, 'events');
    await configure({
      relay: { listen: [`127.0.0.1:${port}`, `127.0.0.1:${other}`] },
      on_event: `cat >> ${events}`,
    });
    await eventually('the other port', async () => (await isListenedOn(other)) || undefined);
    service.signal('SIGHUP');
    await says(/"level":"info"[^\n]*"msg":"configuration reloaded"/);
    port = other;
    await configure({ relay: { listen: `127.0.0.1:${other}` } });
    await says(/"msg":"no longer listening"/);
    expect(await answer('a@b.example')).toMatch(/^451 /);
  });

  it('moves the status page with it, or leaves all as it was', async () => {
    const [first, other] = [await freePort(), await freePort()];
    const status = (port: number, more: object = {}) => ({ listen: `127.0.0.1:${port}`, ...more });
    const readiness = async (port: number) => (await fetch(`http://127.0.0.1:${port}/readyz`)).status;
    const keyFile = join(directory, 'key');
    const ticketFor = async (port: number) => {
      const headers = { authorization: `Bearer ${(await readFile(keyFile, 'utf8')).trim()}` };
      return (await fetch(`http://127.0.0.1:${port}/ticket`, { method: 'POST', headers })).status;
    };
    await configure({ state_dir: directory, status: status(first) });
    await start();
    expect(await readiness(first)).toBe(200);
    await configure({ state_dir: directory, status: status(other) });
    await says(/"msg":"configuration reloaded"/);
    expect(await readiness(other)).toBe(200);
    expect(await isListenedOn(first)).toBe(false);
    await configure({ state_dir: directory, status: status(port) });
    await says(/configuration refused, the one before stays in service/);
    expect(await readiness(other)).toBe(200);
    // In the same place, of which the one before lets go only for one that can be used.
    const taken = { listen: `127.0.0.1:${other}` };
    await configure({ state_dir: directory, status: status(other, { key_file: keyFile }), relay: taken });
    await says(/configuration refused, the one before stays in service/);
    expect(await readiness(other)).toBe(200);
    expect(await ticketFor(other)).toBe(401);
    await configure({ state_dir: directory, status: status(other, { key_file: keyFile }) });
    await says(/"msg":"configuration reloaded"/);
    expect([await readiness(other), await ticketFor(other)]).toEqual([200, 201]);
    await configure({ state_dir: join(directory, 'tokens') });
    await says(/"msg":"another state_dir was read and is not used: it counts from the next start on"/);
    await says(/"msg":"configuration reloaded"/);
    expect(await isListenedOn(other)).toBe(false);
    expect(await answer('a@b.example')).toMatch(/^451 /);
  });

  it('is not waited for at the end', async () => {
    await configure({});
    await start();
    await greetedClient(port);
    service.signal('SIGHUP');
    service.signal('SIGTERM');
    expect((await service.finished).status).toBe(exitStatus.ok);
  });
});

describe.skipIf(!hasTerminals)('serve on a terminal', () => {
  it('ends with it', async () => {
    await configure({});
    service = startOnTerminal(['serve', '--config-file', config]);
    await service.says(/ready/);
    expect(await isListenedOn(port)).toBe(true);
    service.signal('SIGKILL');
    await eventually('the end', async () => ((await isListenedOn(port)) ? undefined : true));
  });
});
