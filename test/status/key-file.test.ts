/** The key to the status page: one for all who ask at once, and nothing else taken for one. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readOrMakeKey } from '../../src/status/key-file.js';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mailbearer-'));
  path = join(directory, 'state', 'status.key');
});
afterEach(() => rm(directory, { recursive: true }));

it('is the same for all who make it at once, and is left as it is', async () => {
  const keys = await Promise.all(Array.from({ length: 20 }, () => readOrMakeKey(path)));
  const stored = await readFile(path, 'utf8');
  expect(new Set(keys.map((key) => `${key.reveal()}\n`))).toEqual(new Set([stored]));
  expect((await readOrMakeKey(path)).reveal()).toBe(stored.trim());
  expect(await readdir(join(directory, 'state'))).toEqual(['status.key']);
});

it.each(['', 'short', 'no key but words of somebody'])('is not %j', async (text) => {
  path = join(directory, 'status.key');
  await writeFile(path, text);
  await expect(readOrMakeKey(path)).rejects.toMatchObject({
    code: 'config-invalid',
    hint: expect.stringContaining(path),
  });
  expect(await readFile(path, 'utf8')).toBe(text);
});
