/** `serve` as a service of systemd, with systemd's own programs. No manager runs here: a socket takes its place. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import {
  eventually,
  freePort,
  isListenedOn,
  type RunningProgram,
  startProgram,
  Teardown,
  temporaryDirectory,
} from '../support/process.js';
import { endClients, greetedClient } from '../support/relay-under-test.js';
import { binaryPath, type Conversation, startBinary } from '../support/run-binary.js';
import { toolsMissing } from './requirements.js';

type Message = Readonly<Record<string, string>> & { readonly at?: number };

const skip = toolsMissing('systemd', 'python3');
const teardown = new Teardown();
let directory: string;
let config: string;
let manager: RunningProgram;

beforeEach(async () => {
  const { path, remove } = await temporaryDirectory();
  teardown.defer(remove);
  directory = path;
  await mkdir(join(path, 'tokens'));
  config = join(path, 'config.json');
  await writeFile(
    config,
    JSON.stringify({ token_dir: join(path, 'tokens'), relay: { listen: '127.0.0.1:0' } }),
  );
  if (skip) return;
  const script = fileURLToPath(new URL('notify-socket.py', import.meta.url));
  manager = teardown.add(startProgram('python3', [script, join(path, 'notify')]));
  await manager.waitForOutput(/listening/);
});
afterEach(() => teardown.run());

function serve(env: NodeJS.ProcessEnv = {}): Conversation {
  const started = startBinary(['serve', '--config-file', config], {
    env: { NOTIFY_SOCKET: join(directory, 'notify'), ...env },
  });
  teardown.defer(async () => {
    started.signal('SIGKILL');
    await started.finished;
  });
  return started;
}

/** What systemd was told so far. */
function told(): Message[] {
  return manager
    .output()
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as Message);
}

function toldThat(isIt: (message: Message) => boolean): Promise<Message> {
  return eventually('systemd to be told', () => told().find(isIt), manager.output);
}

describe.skipIf(skip)('a service of systemd', () => {
  it('says when it is ready, how it stands, and when it stops', async () => {
    const service = serve();
    const [, port] = await service.says(/"port":(\d+)/);
    const { STATUS } = await toldThat(({ READY }) => READY === '1');
    expect(STATUS).toBe(`Relays mail at 127.0.0.1:${port}; 0 accounts`);
    await writeFile(join(directory, 'tokens', 'a@b.example'), 'nonsense');
    await toldThat(({ STATUS = '' }) => STATUS.endsWith('; 1 account, 1 in trouble (see mailbearer status)'));
    service.signal('SIGTERM');
    expect((await service.finished).status).toBe(exitStatus.ok);
    expect(told().at(-1)).toMatchObject({ STOPPING: '1', STATUS: 'Finishes the messages in flight' });
    expect(told().filter(({ READY }) => READY !== undefined)).toHaveLength(1);
  });

  it('says when it reads its configuration again, and whether that one is in service', async () => {
    const service = serve();
    await toldThat(({ READY }) => READY === '1');
    const good = await readFile(config, 'utf8');
    await writeFile(config, '{');
    const readies = () => told().filter(({ READY }) => READY === '1');
    await eventually('it to be ready again', () => (readies().length > 1 ? true : undefined), manager.output);
    expect(readies().at(-1)?.STATUS).toMatch(/; a changed configuration was refused \(see the log\)$/);
    await writeFile(config, good);
    await eventually('it to be well again', () => (readies().length > 2 ? true : undefined), manager.output);
    expect(readies().at(-1)?.STATUS).toMatch(/; 0 accounts$/);
    const kinds = told().map(({ READY, RELOADING }) => (READY ? 'ready' : RELOADING ? 'reloading' : 'other'));
    expect(kinds).toEqual(['ready', 'reloading', 'ready', 'reloading', 'ready']);
    const { at, MONOTONIC_USEC } = told()[1]!;
    const { at: before } = told()[0]!;
    // By the clock that systemd goes by, after what was told before and before it was heard.
    expect(Number(MONOTONIC_USEC)).toBeGreaterThan(before!);
    expect(Number(MONOTONIC_USEC)).toBeLessThan(at!);
    service.signal('SIGTERM');
    await service.finished;
  });

  it('says that it is alive, where systemd watches it', async () => {
    serve({ WATCHDOG_USEC: '1000000' });
    const beats = () => told().filter(({ WATCHDOG }) => WATCHDOG === '1');
    await eventually('two signs of life', () => (beats().length > 1 ? true : undefined), manager.output);
    expect(told()[0]).toMatchObject({ READY: '1' });
  });

  it('is not watched where systemd watches another process', async () => {
    const service = serve({ WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' });
    await toldThat(({ READY }) => READY === '1');
    service.signal('SIGTERM');
    await service.finished;
    expect(told().filter(({ WATCHDOG }) => WATCHDOG !== undefined)).toEqual([]);
  });

  it('lets none of its own commands speak for it', async () => {
    const environment = join(directory, 'environment');
    const token = { access_token: 'A', refresh_token: 'R', expiry: '2147483000' };
    await writeFile(join(directory, 'tokens', 'a@b.example'), JSON.stringify(token));
    const settings = JSON.parse(await readFile(config, 'utf8')) as object;
    const onEvent = {
      client_id: 'id',
      secret_expires: '2001-01-01',
      client_secret: 's',
      on_event: `env > ${environment}`,
    };
    await writeFile(
      config,
      JSON.stringify({ ...settings, ...onEvent, token_endpoint: 'https://127.0.0.1:1/' }),
    );
    serve({ WATCHDOG_USEC: '60000000' });
    const text = await eventually(
      'the event',
      async () => (await readFile(environment, 'utf8').catch(() => '')) || undefined,
    );
    expect(text).toContain('PATH=');
    expect(text).not.toMatch(/NOTIFY_SOCKET|WATCHDOG/);
  });

  it('goes on when nobody hears it, and says so once', async () => {
    const service = serve({ NOTIFY_SOCKET: join(directory, 'nobody') });
    await service.says(/systemd cannot be told how the service stands/);
    service.signal('SIGTERM');
    const { status, stderr } = await service.finished;
    expect(status).toBe(exitStatus.ok);
    expect(stderr.match(/systemd cannot be told/g)).toHaveLength(1);
  });

  it('takes the sockets that systemd listens on, with whoever waits there, also after a reload', async () => {
    const [port, other] = [await freePort(), await freePort()];
    const settings = JSON.parse(await readFile(config, 'utf8')) as object;
    const configure = (listen: string[], ...more: object[]) =>
      writeFile(config, JSON.stringify(Object.assign({ ...settings, relay: { listen } }, ...more)));
    await configure([`127.0.0.1:${port}`, `127.0.0.1:${other}`]);
    const activator = teardown.add(
      startProgram('systemd-socket-activate', [
        `--listen=127.0.0.1:${port}`,
        process.execPath,
        binaryPath,
        'serve',
        `--config-file=${config}`,
      ]),
    );
    await activator.waitForOutput(/Listening on/);
    // It is started by this.
    const client = await greetedClient(port);
    expect(await client.say('MAIL FROM:<a@b.example>')).toMatch(/^451 /);
    expect(await isListenedOn(other)).toBe(true);
    await configure([`127.0.0.1:${other}`]);
    await activator.waitForOutput(new RegExp(`refused[^\\n]*relay.listen does not name 127.0.0.1:${port}`));
    await configure([`127.0.0.1:${port}`], { client_id: 'another' });
    await activator.waitForOutput(/configuration reloaded/);
    expect(await (await greetedClient(port)).say('NOOP')).toMatch(/^250 /);
    expect(await isListenedOn(other)).toBe(false);
    expect(await client.say('NOOP')).toMatch(/^250 /);
    endClients();
  });
});
