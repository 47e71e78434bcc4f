/** A process that may open few files, with the limits of a real one. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startProgram, temporaryDirectory } from '../support/process.js';
import { TestClient } from '../support/relay-under-test.js';
import { binaryPath } from '../support/run-binary.js';
import { afterwards } from './scene.js';

it('with few open files allowed, the rest of a flood is told 421, and nobody is cut without a word', async () => {
  const directory = await temporaryDirectory();
  afterwards(directory.remove);
  const tokens = join(directory.path, 'tokens');
  const config = join(directory.path, 'config.json');
  await mkdir(tokens);
  await writeFile(config, JSON.stringify({ token_dir: tokens, relay: { listen: '127.0.0.1:0' } }));
  const command = [process.execPath, binaryPath, 'serve', '--config-file', config];
  // Node itself has up to some hundred open while it loads modules.
  const serve = startProgram('sh', ['-c', 'ulimit -n 240; exec "$@"', 'sh', ...command]);
  afterwards(async () => void (await serve.stop()));
  const [, port] = await serve.waitForOutput(/"port":(\d+)/);
  expect(serve.output()).toContain('"openFiles":240,"configured":5000,"connections":180');
  const flood = await Promise.all(
    Array.from({ length: 400 }, async () => {
      const client = await TestClient.connect(Number(port));
      return { client, code: (await client.reply()).slice(0, 9) };
    }),
  );
  const codes = flood.map(({ code }) => code);
  expect(codes.filter((code) => code.startsWith('220'))).toHaveLength(180);
  expect(codes.filter((code) => code === '421 4.3.2')).toHaveLength(220);
  for (const { client } of flood) client.end();
  await expect
    .poll(async () => (await TestClient.connect(Number(port))).reply(), { interval: 20 })
    .toMatch(/^220 /);
});
