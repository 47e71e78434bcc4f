// Child of file-store.test.ts: a refresh in the directory named, where a filler takes all space `before` or
// `after` it is reserved, or `never`. Prints how it ended and what the token file holds then.
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../dist/core/clock.js';
import { Secret } from '../../dist/core/secret.js';
import { createFileStore } from '../../dist/tokens/file-store.js';

const [directory = '', when] = process.argv.slice(2);
const path = join(directory, 'a@b.example');

async function fill() {
  const filler = await open(join(directory, 'filler'), 'w');
  for (const size of [65_536, 4096, 1]) {
    try {
      for (;;) await filler.write(Buffer.alloc(size, 'x'));
    } catch {
      // Full for this size.
    }
  }
}

const store = createFileStore({ path, clock: systemClock, random: Math.random });
/** @param {string} letter */
const grown = (letter) => new Secret(letter.repeat(5000));
const ended = await store
  .exclusively(async (locked) => {
    if (when === 'before') await fill();
    const reservation = await locked.reserve();
    if (when === 'after') await fill();
    try {
      await reservation.commit({ accessToken: grown('a'), expiresAt: 2e12, refreshToken: grown('r') });
    } finally {
      await reservation.release();
    }
    return 'committed';
  })
  .catch((error) => `${error.code}: ${error.message} (${error.hint})`);
const names = (await readdir(directory)).filter((name) => name !== 'filler');
process.stdout.write(JSON.stringify({ ended, names, token: JSON.parse(await readFile(path, 'utf8')) }));
