import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { temporaryDirectory } from '../support/process.js';
import { writeTokenFile } from '../support/token-files.js';

const script = fileURLToPath(new URL('refresh-process.mjs', import.meta.url));

it('defect 4: thirty demands from three processes for an expired token make one refresh', async () => {
  const root = await temporaryDirectory();
  const [path, journal] = [join(root.path, 'a@b.example'), join(root.path, 'journal')];
  await writeTokenFile(path, systemClock, 0);
  await writeFile(journal, '');
  const children = [1, 2, 3].map(() => {
    const child = spawn(process.execPath, [script, path, journal], { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ready = new Promise((resolve) => child.stdout.once('data', resolve));
    const done = new Promise<string>((resolve) => child.once('close', () => resolve(output)));
    return { child, ready, done };
  });
  try {
    await Promise.all(children.map(({ ready }) => ready));
    for (const { child } of children) child.stdin.write('go\n');
    const outputs = await Promise.all(children.map(({ done }) => done));
    const tokens = outputs.flatMap((output) => JSON.parse(output.split('\n')[1]!) as string[]);
    expect(tokens).toEqual(Array.from({ length: 30 }, () => 'access for refresh-0'));
    expect(await readFile(journal, 'utf8')).toBe('refresh-0\n');
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ refresh_token: 'refresh-0+' });
    expect((await readdir(root.path)).toSorted()).toEqual(['a@b.example', 'journal']);
  } finally {
    for (const { child } of children) child.kill('SIGKILL');
    await root.remove();
  }
});
