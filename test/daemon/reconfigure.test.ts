/** What the daemon lets go of with a configuration, and what it does not. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { systemClock } from '../../src/core/clock.js';
import { type Daemon, startDaemon } from '../../src/daemon/serve.js';
import { afterwards, envelope, mail, replies, submit, upstreamWith } from '../relay/scene.js';
import { eventually, temporaryDirectory } from '../support/process.js';
import { recordingLogger } from '../support/recording-logger.js';
import { endClients, greetedClient } from '../support/relay-under-test.js';
import { writeTokenFile } from '../support/token-files.js';

async function daemonOf(configuration: object): Promise<{ daemon: Daemon; port: number }> {
  const daemon = await startDaemon(parseConfig(configuration, undefined).config, recordingLogger());
  afterwards(() => daemon.close());
  return { daemon, port: daemon.addresses[0]!.port };
}

const reconfigure = (daemon: Daemon, configuration: object) =>
  daemon.reconfigure(parseConfig(configuration, undefined).config);

/** A configuration whose one account submits to `upstream`. */
async function oneAccount(settings: object = {}) {
  const root = await temporaryDirectory();
  afterwards(() => root.remove());
  await writeTokenFile(join(root.path, 'a@b.example'), systemClock, 3600);
  const upstream = await upstreamWith();
  const smtp = { host: '127.0.0.1', port: upstream.port, tls: 'none' };
  const configuration = {
    client_id: 'id',
    token_endpoint: 'http://127.0.0.1:9',
    token_dir: root.path,
    state_dir: root.path,
    relay: { listen: '127.0.0.1:0' },
    accounts: { 'a@b.example': { smtp, senders: ['a@example.org'], ...settings } },
  };
  return { configuration, upstream };
}

describe('another configuration', () => {
  it('ends idle sessions of the one before at once, though one of its clients stays', async () => {
    const { configuration, upstream } = await oneAccount();
    const { daemon, port } = await daemonOf(configuration);
    const client = await greetedClient(port);
    await submit(client);
    expect(upstream.open).toBe(1);
    await reconfigure(daemon, configuration);
    await eventually('the end of the session', () => upstream.open === 0 || undefined);
    expect((await submit(client)).at(-1)).toMatch(/^250 /);
  });

  it('gives an account another share of what its provider allows', async () => {
    const { configuration } = await oneAccount({ max_sessions: 2 });
    const { daemon, port } = await daemonOf({ ...configuration, share: 0.5 });
    /** To the first that is answered of five, four of whom may wait, while a message is under way. */
    const firstOfFive = async () => {
      const busy = await greetedClient(port);
      busy.send(envelope);
      await replies(busy, 3);
      const others = await Promise.all(Array.from({ length: 5 }, () => greetedClient(port)));
      const answer = await Promise.race(others.map((client) => client.say(mail.trim())));
      endClients();
      return answer;
    };
    expect(await firstOfFive()).toMatch(/^450 4\.3\.2 /);
    await reconfigure(daemon, configuration);
    expect(await firstOfFive()).toMatch(/^250 /);
  });

  it.skipIf(process.platform !== 'linux')('is all that is watched for, once it is in service', async () => {
    const root = await temporaryDirectory();
    afterwards(() => root.remove());
    const [first, second, third] = ['first', 'second', 'third'].map((name) => join(root.path, name));
    for (const directory of [first!, second!, third!]) await mkdir(directory);
    const others = await watches();
    const settings = (directory: string, listen = '127.0.0.1:0') => ({
      token_dir: directory,
      state_dir: root.path,
      relay: { listen },
    });
    const { daemon } = await daemonOf(settings(first!));
    expect(await watches()).toBe(others + 1);
    await reconfigure(daemon, settings(second!));
    await eventually('the end of the first', async () => (await watches()) === others + 1 || undefined);
    const { port: taken } = await daemonOf(settings(second!));
    await expect(reconfigure(daemon, settings(third!, `127.0.0.1:${taken}`))).rejects.toThrow('EADDRINUSE');
    await eventually('the end of the third', async () => (await watches()) === others + 1 || undefined);
    await daemon.close();
  });
});

/** Directories that this process watches, each counted once. */
async function watches(): Promise<number> {
  const place = '/proc/self/fdinfo';
  const texts = await Promise.all(
    (await readdir(place)).map((name) => readFile(join(place, name), 'utf8').catch(() => '')),
  );
  return texts.join('').match(/^inotify wd:/gm)?.length ?? 0;
}
