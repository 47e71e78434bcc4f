/** When the configuration is read again, with real files and a service that takes its time. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { systemClock } from '../../src/core/clock.js';
import { fingerprintOf, Reloader } from '../../src/daemon/reload.js';
import { afterwards } from '../relay/scene.js';
import { eventually, temporaryDirectory } from '../support/process.js';
import { recordingLogger } from '../support/recording-logger.js';

it('misses no change that comes while the one before is put in service', async () => {
  const root = await temporaryDirectory();
  afterwards(() => root.remove());
  const configFile = join(root.path, 'config.json');
  const secret = join(root.path, 'secret');
  const write = (clientId: string, more = {}) =>
    writeFile(configFile, JSON.stringify({ client_id: clientId, ...more }));
  await write('1');
  const load = () => loadConfig({ configFile, env: {} });
  const { config } = await load();
  const applied: (readonly (string | undefined)[])[] = [];
  const reloader = await Reloader.start({
    config,
    fingerprint: await fingerprintOf(config),
    load,
    apply: async ({ clientId, clientSecret }) => {
      applied.push([clientId, clientSecret?.reveal()]);
      if (applied.length === 1) await write('3', { client_secret: { file: secret } });
      // A file that the configuration before did not refer to.
      if (applied.length === 2) await writeFile(secret, 'new');
    },
    onBegin: () => undefined,
    onEnd: () => undefined,
    clock: systemClock,
    logger: recordingLogger(),
  });
  afterwards(() => reloader.close());
  await writeFile(secret, 'old');
  await write('2');
  await eventually('the last change', () => Promise.resolve(applied.length === 3 || undefined));
  expect(applied).toEqual([
    ['2', undefined],
    ['3', 'old'],
    ['3', 'new'],
  ]);
});
