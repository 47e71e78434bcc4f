/** When the configuration is read again, with real files and a service that takes its time. */
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.js';
import { loadConfig } from '../../src/config/load.js';
import { parseConfig } from '../../src/config/parse.js';
import { type Clock, systemClock } from '../../src/core/clock.js';
import { fingerprintOf, Reloader } from '../../src/daemon/reload.js';
import { afterwards } from '../relay/scene.js';
import { eventually, temporaryDirectory } from '../support/process.js';
import { recordingLogger } from '../support/recording-logger.js';
import { VirtualClock } from '../support/virtual-clock.js';

let configFile: string;
let secret: string;
let ends: boolean[];
let logger: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  const root = await temporaryDirectory();
  afterwards(() => root.remove());
  configFile = join(root.path, 'config.json');
  secret = join(root.path, 'elsewhere', 'secret');
  await mkdir(dirname(secret));
  ends = [];
  logger = recordingLogger();
});

const write = (clientId: string, more = {}) =>
  writeFile(configFile, JSON.stringify({ client_id: clientId, ...more }));
const load = () => loadConfig({ configFile, env: {} });

async function follow(
  apply: (config: Config) => Promise<void>,
  { clock = systemClock, again = load }: { clock?: Clock; again?: typeof load } = {},
): Promise<Reloader> {
  const { config } = await load();
  const reloader = await Reloader.start({
    config,
    fingerprint: await fingerprintOf(config),
    load: again,
    apply,
    onBegin: () => undefined,
    onEnd: (isCurrent) => void ends.push(isCurrent),
    clock,
    logger,
  });
  afterwards(() => reloader.close());
  return reloader;
}

it('misses no change that comes while the one before is put in service', async () => {
  await write('1');
  const applied: (readonly (string | undefined)[])[] = [];
  await follow(async ({ clientId, clientSecret }) => {
    applied.push([clientId, clientSecret?.reveal()]);
    if (applied.length === 1) await write('3', { client_secret: { file: secret } });
    // A file that the configuration before did not refer to.
    if (applied.length === 2) await writeFile(secret, 'new');
  });
  await writeFile(secret, 'old');
  await write('2');
  await eventually('the last change', () => applied.length === 3 || undefined);
  expect(applied).toEqual([
    ['2', undefined],
    ['3', 'old'],
    ['3', 'new'],
  ]);
});

it('follows the file that a link leads to', async () => {
  const target = join(dirname(secret), 'config.json');
  await write('1');
  await rename(configFile, target);
  await symlink(target, configFile);
  const applied: (string | undefined)[] = [];
  await follow(({ clientId }) => Promise.resolve(void applied.push(clientId)));
  // The last one comes when nothing but the watch can tell of it.
  for (const clientId of ['2', '3', '4']) {
    await writeFile(target, JSON.stringify({ client_id: clientId }));
    await eventually('the change', () => applied.at(-1) === clientId || undefined);
  }
});

it('does not take a file that has gone for the wish to go without one', async () => {
  await write('1');
  const applied: Config[] = [];
  const none = () => Promise.resolve(parseConfig({}, undefined));
  const reloader = await follow((config) => Promise.resolve(void applied.push(config)), { again: none });
  reloader.reload();
  await eventually('the end', () => ends.length > 0 || undefined);
  expect([ends, applied]).toEqual([[false], []]);
  expect(logger.lines.at(-1)?.message).toContain(`the configuration ${configFile} is gone`);
});

it('puts nothing in service once it is closed, which waits for what is under way', async () => {
  await write('1');
  const order: string[] = [];
  const gate = new Gate();
  const reloader = await follow(async () => {
    await gate.passed;
    order.push('applied');
  });
  reloader.reload();
  await gate.reached;
  reloader.reload();
  const closed = reloader.close().then(() => order.push('closed'));
  gate.open();
  await closed;
  reloader.reload();
  await reloader.close();
  expect(order).toEqual(['applied', 'closed']);
});

it('reads it again when that is asked for, though a look at unchanged files comes after', async () => {
  await write('1');
  const clock = new VirtualClock();
  const gate = new Gate();
  let count = 0;
  const reloader = await follow(() => (count++ === 0 ? gate.passed : Promise.resolve()), { clock });
  reloader.reload();
  await gate.reached;
  reloader.reload();
  // Files are looked at every half minute in any case.
  await clock.advance(60_000);
  gate.open();
  await eventually('the second time', () => count === 2 || undefined);
});

/** Where one waits until another lets it on. */
class Gate {
  open!: () => void;
  #arrive!: () => void;
  readonly reached = new Promise<void>((resolve) => (this.#arrive = resolve));
  readonly #opened = new Promise<void>((resolve) => (this.open = resolve));

  get passed(): Promise<void> {
    this.#arrive();
    return this.#opened;
  }
}
