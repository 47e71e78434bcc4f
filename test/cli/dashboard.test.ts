/** What the commands learn from a `serve` that runs: the way into its page, and how many messages it has sent. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { exitStatus } from '../../src/core/errors.js';
import { submit } from '../relay/scene.js';
import { ask, keyOf, type Shown, shownDaemon } from '../status/daemon.js';
import { eventually } from '../support/process.js';
import { greetedClient } from '../support/relay-under-test.js';
import { runBinary } from '../support/run-binary.js';
import { runHere } from '../support/run-here.js';
import { writeTokenFile } from '../support/token-files.js';

/** With the daemon's configuration, and these keys in place of its own. */
async function run(daemon: Shown, args: readonly string[], keys: object = {}, command = runHere) {
  const file = join(daemon.directory, 'config.json');
  const configuration = { ...daemon.configuration, status: { listen: daemon.where }, ...keys };
  await writeFile(file, JSON.stringify(configuration));
  return command([...args, '--config-file', file]);
}

describe('dashboard', () => {
  test('prints a URL that lets one browser in, and says how to come from elsewhere', async () => {
    const daemon = await shownDaemon();
    const { status, stderr, stdout } = await run(daemon, ['dashboard'], {}, runBinary);
    expect(status).toBe(exitStatus.ok);
    expect(stdout).toMatch(/^http:\/\/[\d.:]+\/enter\?ticket=[\w-]{43}\n$/);
    expect(stderr).toMatch(/ssh -L (\d+):127\.0\.0\.1:\1 SERVER/);
    const { pathname, search } = new URL(stdout.trim());
    expect((await ask(daemon.where, pathname + search)).status).toBe(303);
  });

  test('says what to do where there is no page, no serve, no key, or another one', async () => {
    const daemon = await shownDaemon();
    const complaint = async (keys?: object) => {
      const { status, stderr, stdout } = await run(daemon, ['dashboard'], keys);
      expect(stdout).toBe('');
      return [status, stderr];
    };
    expect(await complaint({ status: {} })).toEqual([
      exitStatus.config,
      expect.stringContaining('"status": { "listen": "127.0.0.1:8025" }'),
    ]);
    expect(await complaint({ status: { listen: 'unix:/nowhere/status' } })).toEqual([
      exitStatus.config,
      expect.stringContaining('no browser'),
    ]);
    await writeFile(join(daemon.directory, 'other.key'), 'another-key-of-enough-characters');
    const key_file = join(daemon.directory, 'other.key');
    expect(await complaint({ status: { listen: daemon.where, key_file } })).toEqual([
      exitStatus.unavailable,
      expect.stringMatching(/serve answered 401.*\n.*same state_dir/),
    ]);
    await daemon.close();
    expect(await complaint()).toEqual([
      exitStatus.unavailable,
      expect.stringMatching(
        /no serve answers at 127\.0\.0\.1:\d+: .*ECONNREFUSED.*\nhint: start mailbearer serve/,
      ),
    ]);
    await rm(join(daemon.directory, 'status.key'));
    expect(await complaint()).toEqual([exitStatus.config, expect.stringContaining('status.key')]);
  });
});

describe('status', () => {
  test('shows messages sent when serve runs, and does without it', async () => {
    const daemon = await shownDaemon({ senders: ['a@example.org'] });
    const client = await greetedClient(daemon.port);
    await submit(client);
    await submit(client);
    daemon.upstream.script = (event) => (event.startsWith('MAIL') ? '451 4.3.0 later\r\n' : undefined);
    await client.say('MAIL FROM:<a@example.org>');
    const shown = await run(daemon, ['status']);
    expect(shown.stdout).toMatch(/^ACCOUNT .* SENT\n/);
    expect(shown.stdout).toMatch(/^a@b\.example .* 2 \(1 not\)$/m);
    const json = await run(daemon, ['status', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ accounts: [{ messages: { sent: 2, deferred: 1 } }] });
    client.end();
    await daemon.close();
    const alone = await run(daemon, ['status']);
    expect([alone.status, alone.stdout.includes('SENT')]).toEqual([exitStatus.ok, false]);
  });

  test('asks serve for more accounts than fit into one address', async () => {
    const daemon = await shownDaemon();
    for (let number = 0; number < 80; number++) {
      const file = join(daemon.directory, 'tokens', `${'n'.repeat(200)}${number}@b.example`);
      await writeTokenFile(file, systemClock, 3600);
    }
    const headers = await keyOf(daemon);
    await eventually('all to be known', async () => {
      const { body } = await ask(daemon.where, '/status.json?limit=1', { headers });
      return body.includes('"total":81') || undefined;
    });
    const { stdout } = await run(daemon, ['status', '--json']);
    const { accounts } = JSON.parse(stdout) as { accounts: { messages: object | null }[] };
    expect(accounts.map(({ messages }) => messages === null)).toEqual(accounts.map(() => false));
    expect(accounts).toHaveLength(81);
  });
});
