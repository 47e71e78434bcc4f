import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { binaryPath, runBinary } from '../support/run-binary.js';
import { runHere } from '../support/run-here.js';

const packageFile = new URL('../../package.json', import.meta.url);
const sourceOf = (name: string) => fileURLToPath(new URL(`../../src/cli/${name}.ts`, import.meta.url));

describe('what is asked for goes to standard output and ends with 0', () => {
  test('--version prints the version of the package and nothing else', async () => {
    const { version } = JSON.parse(await readFile(packageFile, 'utf8')) as { version: string };
    expect(await runBinary(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('--help shows the commands, examples and every exit status', async () => {
    const { status, stdout, stderr } = await runBinary(['--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const command of ['get-token', 'test-config', 'test-token-refresh', 'serve'])
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    expect(stdout).toContain('$ mailbearer get-token gmail');
    for (const status of Object.values(exitStatus))
      expect(stdout).toMatch(new RegExp(`^ {2}${status} `, 'm'));
  });

  test.each(['get-token', 'test-config', 'test-token-refresh', 'serve'])(
    '%s --help has examples and names --config-file',
    async (command) => {
      const { status, stdout } = await runHere([command, '--help']);
      expect(status).toBe(0);
      expect(stdout).toContain(`$ mailbearer ${command}`);
      expect(stdout).toContain('--config-file');
    },
  );
});

describe('wrong usage ends with 64, says why and where the help is, and writes no data', () => {
  test.each([
    [['frob'], "unknown command 'frob'", 'mailbearer --help'],
    [['refesh'], 'Did you mean refresh?', 'mailbearer --help'],
    [['serv', '--log-level', 'info'], 'Did you mean serve?', 'mailbearer --help'],
    [['status', '--jsno'], 'Did you mean --json?', 'mailbearer status --help'],
    [['--config-flie', 'x', 'status'], 'Did you mean --config-file?', 'mailbearer --help'],
    [['--frob'], "unknown option '--frob'", 'mailbearer --help'],
    [['get-token'], "missing required argument 'provider'", 'mailbearer get-token --help'],
    [['get-token', 'gmail', 'a', 'b'], 'too many arguments', 'mailbearer get-token --help'],
    [['get-token', 'gmail', '--scoop', 'x'], 'Did you mean --scope?', 'mailbearer get-token --help'],
    [['get-token', 'gmail', '--local-listen-port', '65536'], 'from 0 to 65535', 'get-token --help'],
    [['get-token', 'gmail', '--local-listen-port', '80 '], 'from 0 to 65535', 'get-token --help'],
    [
      ['get-token', 'gmail', '--client-secret', 'a', '--client-secret-file', 'b'],
      'cannot be used with',
      '--help',
    ],
    [['test-token-refresh'], "missing required argument 'file'", 'mailbearer test-token-refresh --help'],
    [['serve', '--log-level', 'loud'], 'Allowed choices are', 'mailbearer serve --help'],
    [['serve', '--config-file'], 'argument missing', '--help'],
  ])('%j', async (args, complaint, hint) => {
    const { status, stdout, stderr } = await runHere(args);
    expect({ status, stdout }).toEqual({ status: exitStatus.usage, stdout: '' });
    expect(stderr).toMatch(/^mailbearer: /);
    expect(stderr).toContain(complaint);
    expect(stderr).toMatch(new RegExp(`^hint: .*${hint}`, 'm'));
  });

  test('no command at all shows the help on standard error', async () => {
    const { status, stdout, stderr } = await runBinary([]);
    expect({ status, stdout }).toEqual({ status: exitStatus.usage, stdout: '' });
    expect(stderr).toContain('Usage: mailbearer');
  });
});

describe('standard output', () => {
  test.skipIf(!existsSync('/dev/full'))('that takes nothing is an error, said once', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [binaryPath, '--help'], { stdio: ['ignore', full, 'pipe'] });
    const [stderr, [status]] = await Promise.all([text(child.stderr!), once(child, 'close')]);
    closeSync(full);
    expect(status).toBe(exitStatus.cantCreate);
    expect(stderr).toMatch(/^mailbearer: cannot write to standard output: ENOSPC.*\nhint: .*\n$/);
  });

  test('that nobody reads any more is none', async () => {
    const child = spawn(process.execPath, [binaryPath, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    const [stderr, [status]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect({ status, stderr }).toEqual({ status: exitStatus.ok, stderr: '' });
  });
});

test('--version and --help load commander and nothing else that has to be installed', async () => {
  const foreign = await staticImports(sourceOf('run-command'));
  expect([...foreign].filter((name) => !name.startsWith('node:'))).toEqual(['commander']);
});

test('a fresh token is printed without anything that has to be installed', async () => {
  const foreign = await staticImports(sourceOf('main'));
  expect([...foreign].filter((name) => !name.startsWith('node:'))).toEqual([]);
});

/** The packages that a source file needs at once, with all that it imports; types and `await import` cost nothing. */
async function staticImports(
  file: string,
  seen = new Set<string>(),
  found = new Set<string>(),
): Promise<Set<string>> {
  if (seen.has(file)) return found;
  seen.add(file);
  const source = await readFile(file, 'utf8');
  for (const [, name = ''] of source.matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)';/gm)) {
    if (name.startsWith('.'))
      await staticImports(resolve(dirname(file), name.replace(/\.js$/, '.ts')), seen, found);
    else found.add(name);
  }
  return found;
}
