import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AppError } from '../../src/core/errors.js';
import { listTokenFiles } from '../../src/tokens/directory.js';
import { type TemporaryDirectory, temporaryDirectory } from '../support/process.js';

let root: TemporaryDirectory;
let problems: AppError[];

beforeEach(async () => {
  root = await temporaryDirectory();
  problems = [];
});
afterEach(() => root.remove());

async function list(...directories: string[]): Promise<string[]> {
  const found = await listTokenFiles(directories, (problem) => problems.push(problem));
  return found.map(({ path }) => path);
}

async function names(): Promise<string[]> {
  return (await list(root.path)).map((path) => basename(path));
}

it('takes every file for an account, in the order of their names', async () => {
  for (const name of ['b@c.example', 'a@c.example', 'relay', 'sender.tokens.json'])
    await writeFile(join(root.path, name), '');
  expect(await names()).toEqual(['a@c.example', 'b@c.example', 'relay', 'sender.tokens.json']);
});

it.each([
  '.hidden',
  '.a@b.example.lock',
  'a@b.example~',
  'a@b.example.lock',
  'a@b.example.tmp',
  'a@b.example.bak',
  'a@b.example.swp',
  'a@b.example.dpkg-old',
  'a@b.example.dpkg-new',
  // What the plugin leaves behind when it is killed: FILE.PID.MILLISECONDS.
  'a@b.example.4711.38',
])('ignores %s', async (name) => {
  await writeFile(join(root.path, name), '{}');
  expect(await names()).toEqual([]);
});

it('counts a file once that symlinks reach twice', async () => {
  const [one, two] = [join(root.path, 'one'), join(root.path, 'two')];
  await mkdir(one);
  await mkdir(two);
  await writeFile(join(two, 'a@b.example'), '');
  await symlink(join(two, 'a@b.example'), join(one, 'a@b.example'));
  await symlink('a@b.example', join(two, 'z@b.example'));
  expect(await list(one, two)).toEqual([join(one, 'a@b.example')]);
  const [entry] = await listTokenFiles([one], () => undefined);
  expect(entry?.target).toBe(join(two, 'a@b.example'));
});

it('lists a symlink that leads nowhere, for its account is known', async () => {
  await symlink('gone', join(root.path, 'a@b.example'));
  await symlink('loop', join(root.path, 'loop'));
  expect(await names()).toEqual(['a@b.example', 'loop']);
});

it('passes over subdirectories and FIFOs, but not over a directory that is named like an account', async () => {
  await mkdir(join(root.path, 'old'));
  await mkdir(join(root.path, 'a@b.example'));
  execFileSync('mkfifo', [join(root.path, 'pipe')]);
  expect(await names()).toEqual(['a@b.example']);
});

it('reports a directory that cannot be listed and lists the others', async () => {
  await writeFile(join(root.path, 'a@b.example'), '');
  const missing = join(root.path, 'missing');
  expect(await list(missing, root.path)).toEqual([join(root.path, 'a@b.example')]);
  expect(problems).toMatchObject([
    {
      code: 'token-unreadable',
      message: expect.stringContaining(missing) as string,
      hint: expect.stringContaining('install -d') as string,
    },
  ]);
});
