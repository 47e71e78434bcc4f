/** The log in systemd's journal: its own journald, in a mount namespace where /run is a directory of the test. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  eventually,
  freePort,
  isListenedOn,
  type RunningProgram,
  run,
  startProgram,
  Teardown,
  temporaryDirectory,
} from '../support/process.js';
import { endClients, greetedClient } from '../support/relay-under-test.js';
import { binaryPath } from '../support/run-binary.js';
import { toolsMissing } from './requirements.js';

type Entry = Readonly<Record<string, string>>;

const skip = toolsMissing('systemd', 'perl-base');
const teardown = new Teardown();
let place: string;
let port: number;
let serve: readonly string[];

beforeEach(async () => {
  if (skip) return;
  const { path, remove } = await temporaryDirectory();
  teardown.defer(remove);
  place = join(path, 'run');
  await mkdir(join(place, 'systemd/journal'), { recursive: true });
  await mkdir(join(path, 'tokens'));
  port = await freePort();
  const config = join(path, 'config.json');
  const settings = { token_dir: join(path, 'tokens'), relay: { listen: `127.0.0.1:${port}` } };
  await writeFile(config, JSON.stringify(settings));
  serve = [process.execPath, binaryPath, 'serve', '--config-file', config];
  const journald = withRun('/lib/systemd/systemd-journald');
  const isUp = () => run('test', ['-S', join(place, 'systemd/journal/stdout')]).catch(() => undefined);
  await eventually('journald', isUp, journald.output);
});
afterEach(async () => {
  endClients();
  await teardown.run();
});

function withRun(...command: readonly string[]): RunningProgram {
  const script = 'mount --bind "$0" /run && exec "$@"';
  return teardown.add(startProgram('unshare', ['--mount', 'sh', '-c', script, place, ...command]));
}

async function entries(...matches: readonly string[]): Promise<Entry[]> {
  const lines = await run('journalctl', [
    `--directory=${join(place, 'log/journal')}`,
    '--output=json',
    '--quiet',
    ...matches,
  ]);
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
}

const found = (...matches: readonly string[]) =>
  eventually('the entries', async () => {
    const all = await entries(...matches).catch(() => []);
    return all.length > 0 ? all : undefined;
  });

/** A message that nobody can send for is deferred. */
async function defer(): Promise<string> {
  await eventually('the port', async () => (await isListenedOn(port)) || undefined);
  const client = await greetedClient(port);
  await client.say('MAIL FROM:<a@b.example>');
  return client.session ?? '';
}

describe.skipIf(skip)('the journal', () => {
  it('has each entry with its fields, where systemd opened its socket', async () => {
    const wrapper = fileURLToPath(new URL('journal-socket.pl', import.meta.url));
    const service = teardown.add(
      startProgram('perl', [wrapper, join(place, 'systemd/journal/socket'), ...serve]),
    );
    const session = await defer();
    const [entry, ...others] = await found(`MAILBEARER_SESSION=${session}`);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      PRIORITY: '4',
      SYSLOG_IDENTIFIER: 'mailbearer',
      MAILBEARER_FROM: 'a@b.example',
      _PID: String(service.pid),
    });
    expect(JSON.parse(entry!.MESSAGE!)).toMatchObject({ msg: 'message deferred', session });
    await service.stop();
    const all = await entries('SYSLOG_IDENTIFIER=mailbearer');
    expect(all.map(({ MESSAGE = '' }) => (JSON.parse(MESSAGE) as { msg: string }).msg)).toEqual(
      expect.arrayContaining(['listening', 'ready', 'message deferred', 'stopped']),
    );
    expect(service.output()).toBe('');
  });

  it('has the priority of each line, where stderr goes to it', async () => {
    const told = 'JOURNAL_STREAM=$(stat -Lc %d:%i /dev/fd/2) exec "$@"';
    withRun('systemd-cat', '--identifier=mailbearer', 'sh', '-c', told, 'sh', ...serve);
    const session = await defer();
    const [deferred] = await found('SYSLOG_IDENTIFIER=mailbearer', `--grep=${session}`);
    expect(deferred?.PRIORITY).toBe('4');
    expect(JSON.parse(deferred!.MESSAGE!)).toMatchObject({ msg: 'message deferred', session });
    const [listening] = await entries('SYSLOG_IDENTIFIER=mailbearer', '--grep=listening');
    expect(listening?.PRIORITY).toBe('6');
  });
});
