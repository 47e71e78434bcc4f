/** What refresher.test.ts cannot see: the order of the steps of one refresh. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { refreshOnce } from '../../src/refresh/refresh-once.js';
import { createFileStore } from '../../src/tokens/file-store.js';
import { unseal } from '../../src/tokens/seal.js';
import type { TokenStore } from '../../src/tokens/token.js';
import { temporaryDirectory } from '../support/process.js';
import { refreshedOutcome, testAccount, writeTokenFile } from '../support/token-files.js';
import { VirtualClock } from '../support/virtual-clock.js';

it('an answer lies beside the file, sealed, before the file is looked at again', async ({
  onTestFinished,
}) => {
  const { path: directory, remove } = await temporaryDirectory();
  onTestFinished(remove);
  const path = join(directory, 'a@b.example');
  const clock = new VirtualClock();
  await writeTokenFile(path, clock, 0);
  const before = await readFile(path, 'utf8');
  const file = createFileStore({ path, clock, random: Math.random });
  const kept: unknown[] = [];
  const looksWhenRead: TokenStore = {
    ...file,
    exclusively: (work) =>
      file.exclusively((locked) =>
        work({
          ...locked,
          async read() {
            const name = (await readdir(directory)).find((found) => found.endsWith('.tmp'));
            const text = name && (await readFile(join(directory, name), 'utf8'));
            kept.push(JSON.parse(unseal(text ?? '')?.text ?? 'null'));
            return locked.read();
          },
        }),
      ),
  };
  const result = await refreshOnce({
    account: testAccount(path),
    store: looksWhenRead,
    clock,
    requestRefresh: async () => {
      expect(await readFile(path, 'utf8')).toBe(before);
      return refreshedOutcome(1);
    },
    requestGrant: () => Promise.reject(new Error('no grant is asked for here')),
    mustRefresh: () => true,
    beforeWritingAgain: () => Promise.resolve(false),
  });
  expect(result.kind).toBe('refreshed');
  expect(kept).toEqual([null, expect.objectContaining({ refresh_token: 'refresh-1' })]);
  expect(await readdir(directory)).toEqual(['a@b.example']);
});
