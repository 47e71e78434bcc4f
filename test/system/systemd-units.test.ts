/** The units in examples/systemd, held against systemd's own judgement and what their guide says of them. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { fencesOf } from '../support/markdown.js';
import { run, Teardown, temporaryDirectory } from '../support/process.js';
import { toolsMissing } from './requirements.js';

const units = fileURLToPath(new URL('../../examples/systemd/', import.meta.url));
const guide = fileURLToPath(new URL('../../docs/guides/systemd.md', import.meta.url));
const readme = fileURLToPath(new URL('../../README.md', import.meta.url));
const unit = 'mailbearer.service';
const teardown = new Teardown();
afterEach(() => teardown.run());

/** Copies whose program is one that this machine has; verify rejects what it cannot find. */
async function copies(): Promise<string> {
  const { path, remove } = await temporaryDirectory();
  teardown.defer(remove);
  await cp(units, path, { recursive: true });
  for (const name of [unit, join('user', unit)]) {
    const text = await readFile(join(units, name), 'utf8');
    expect(text).toContain('ExecStart=mailbearer serve\n');
    await writeFile(join(path, name), text.replace('ExecStart=mailbearer', 'ExecStart=/bin/true'));
  }
  return path;
}

/** What systemd says of it, unless it is too old for something; it ends with 0 after warnings, too. */
async function complaints(directory: string, file: string, ...scope: string[]): Promise<string[]> {
  const runtime = join(directory, 'runtime');
  await mkdir(runtime, { recursive: true });
  const command = ['systemd-analyze', ...scope, 'verify', '--man=no', join(directory, file)].join(' ');
  const env = { ...process.env, XDG_RUNTIME_DIR: runtime };
  const said = await run('sh', ['-c', `${command} 2>&1 || echo failed`], { env });
  return said.split('\n').filter((line) => line !== '' && !/Unknown key 'OpenFile'/.test(line));
}

describe.skipIf(toolsMissing('systemd'))('the units', () => {
  it('are what systemd takes without a complaint', async () => {
    const directory = await copies();
    expect(await complaints(directory, unit)).toEqual([]);
    expect(await complaints(directory, 'mailbearer.socket')).toEqual([]);
    expect(await complaints(directory, join('user', unit), '--user')).toEqual([]);
  });

  it('have a brother in the README, who has a place for what serve remembers, too', async () => {
    const directory = await copies();
    const [text = ''] = fencesOf(await readFile(readme, 'utf8'), 'ini').filter((each) =>
      each.includes('[Service]'),
    );
    await writeFile(join(directory, unit), text.replace('ExecStart=mailbearer', 'ExecStart=/bin/true'));
    expect(await complaints(directory, unit)).toEqual([]);
    expect(text).toContain('\nStateDirectory=mailbearer\n');
  });

  it('are complained of when something is wrong in them', async () => {
    const directory = await copies();
    const path = join(directory, unit);
    await writeFile(path, (await readFile(path, 'utf8')).replace('ProtectClock=yes', 'ProtectClocks=yes'));
    expect(await complaints(directory, unit)).toEqual([expect.stringContaining('ProtectClocks')]);
  });

  it('make the directory of the socket that the page about metrics names', async () => {
    const page = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const [, directory] = /"unix:(\/run\/\w+)\/status"/.exec(page) ?? [];
    expect(directory).toBeDefined();
    const text = await readFile(join(units, unit), 'utf8');
    expect(text).toContain(`\nRuntimeDirectory=${directory?.slice('/run/'.length)}\n`);
  });

  it('are as hardened as the guide says', async () => {
    const report = await run('systemd-analyze', [
      'security',
      '--offline=true',
      '--no-pager',
      join(units, unit),
    ]);
    const [, score] = /Overall exposure level for mailbearer\.service: (\S+ \w+)/.exec(report) ?? [];
    expect(await readFile(guide, 'utf8')).toContain(`says **${score}** (systemd `);
  });
});
