import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../support/process.js';
import { binaryPath } from '../support/run-binary.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

let place: TokenDirectory;
beforeEach(async () => {
  place = await openTokenDirectory();
  await place.write('a@corp.example', {});
});
afterEach(() => place.close());

/** What bash offers after these words, the last of which is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const { stdout } = await place.run('completion', 'bash');
  const script = join(place.path, '..', 'completion.bash');
  await writeFile(script, stdout);
  const program = `
    mailbearer() { MAILBEARER_CONFIG='${place.configFile}' '${process.execPath}' '${binaryPath}' "$@"; }
    source '${script}'
    COMP_WORDS=(mailbearer "$@") COMP_CWORD=$#
    _mailbearer
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return (await run('bash', ['-c', program, 'bash', ...words])).trimEnd().split('\n');
}

describe('completion in bash', () => {
  test('knows the commands', async () => {
    const all = await offered('');
    expect(all).toEqual(
      expect.arrayContaining(['get-token', 'serve', 'doctor', 'completion', '--config-file']),
    );
    expect(await offered('ref')).toEqual(['refresh']);
  });

  test('knows the options of each command, and their choices', async () => {
    expect(await offered('get-token', '--cl')).toEqual(
      expect.arrayContaining(['--client-id', '--client-secret', '--cloud']),
    );
    expect(await offered('get-token', '--cloud', 'us')).toEqual(['usgov', 'usgov-dod']);
    expect(await offered('serve', '--log-level', 'w')).toEqual(['warn']);
    expect(await offered('completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
  });

  test('knows the accounts where one is wanted', async () => {
    expect(await offered('token', 'a')).toEqual(['a@corp.example']);
    expect(await offered('test-config', 'a@')).not.toContain('a@corp.example');
  });
});

test.each(['zsh', 'fish'])('completion for %s names every command', async (shell) => {
  const { stdout } = await place.run('completion', shell);
  const { stdout: help } = await place.run('--help');
  const commands = [...help.matchAll(/^ {2}([a-z][a-z-]*) .*\S/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'help');
  expect(commands.length).toBeGreaterThan(8);
  expect(commands.filter((name) => !stdout.includes(name))).toEqual([]);
});
