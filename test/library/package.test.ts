/**
 * The package as `npm pack` makes it, installed into a project of its own: what others can import, its types, and the
 * programs of docs/library.md, run as they stand there.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { createCertificateAuthority } from '../support/certificates.js';
import { markedBlock } from '../support/markdown.js';
import { run, Teardown, temporaryDirectory } from '../support/process.js';
import { startScriptedUpstream } from '../support/scripted-upstream.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { writeTokenFile } from '../support/token-files.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const account = 'you@gmail.com';
const teardown = new Teardown();

let project: string;
let tarball: string;
let configFile: string;
let tokenFile: string;
let endpoint: TokenEndpoint;

beforeAll(async () => {
  const { path, remove } = await temporaryDirectory();
  teardown.defer(remove);
  const packing = ['pack', '--ignore-scripts', '--silent', '--pack-destination', path];
  tarball = join(path, (await run('npm', packing, { cwd: root })).trim());
  project = join(path, 'project');
  await mkdir(project);
  await writeFile(
    join(project, 'package.json'),
    JSON.stringify({
      type: 'module',
      dependencies: { mailbearer: `file:${tarball}` },
      // From here, since a registry is not asked.
      overrides: await dependenciesHere(),
    }),
  );
  const installing = [
    'install',
    '--offline',
    '--ignore-scripts',
    '--omit=optional',
    '--no-audit',
    '--no-fund',
  ];
  await run('npm', installing, { cwd: project });

  endpoint = await startTokenEndpoint();
  teardown.defer(() => endpoint.close());
  configFile = join(path, 'config.json');
  tokenFile = join(path, 'tokens', account);
  await mkdir(join(path, 'tokens'));
  const config = { client_id: 'id', token_endpoint: endpoint.url.href, token_dir: join(path, 'tokens') };
  await writeFile(configFile, JSON.stringify(config));
});
afterAll(() => teardown.run());

/** By name, where each package that is needed at run time lies. */
async function dependenciesHere(): Promise<Record<string, string>> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly optional?: boolean }>>;
  };
  const needed = Object.entries(lock.packages).filter(
    ([path, { dev, optional }]) => path !== '' && dev !== true && optional !== true,
  );
  return Object.fromEntries(
    needed.map(([path]) => [path.split('node_modules/').at(-1)!, `file:${join(root, path)}`]),
  );
}

interface Ended {
  readonly status: number;
  readonly printed: string;
}

async function runProgram(source: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const file = join(project, 'program.js');
  await writeFile(file, source);
  const options = { cwd: project, env: { PATH: process.env['PATH'], MAILBEARER_CONFIG: configFile, ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, [file], options, (error, stdout, stderr) =>
      resolve({ status: Number(error?.code ?? 0), printed: stdout + stderr }),
    );
  });
}

const example = async (mark: string) =>
  markedBlock(await readFile(join(root, 'docs/library.md'), 'utf8'), mark);
/** Fails with what it prints. */
const tool = (name: string, ...args: readonly string[]) =>
  run(join(root, 'node_modules/.bin', name), args).catch((error: unknown) => {
    throw new Error((error as { stdout: string }).stdout, { cause: error });
  });

describe('the package', () => {
  it('is what its package.json says, for bundlers, runtimes and TypeScript', async () => {
    expect(await tool('publint', tarball, '--strict')).toContain('All good!');
    expect(await tool('attw', tarball, '--profile', 'esm-only', '--no-color')).toContain('🟢 (ESM)');
  });

  it('has types that need nothing else, and exports what its documentation names', async () => {
    const program = `import { AppError, type FailureCode, type Token, type TokenRequest, TokenSource, type TokenSourceOptions } from 'mailbearer';
const options: TokenSourceOptions = { account: 'you@gmail.com', configFile: '/etc/mailbearer/config.json' };
const request: TokenRequest = { renew: true };
const { accessToken, expires, user }: Token = await new TokenSource(options).token(request);
const code: FailureCode = new AppError('grant-dead', \`\${accessToken.length} \${expires.toFixed()} \${user.trim()}\`).code;
// @ts-expect-error There are no such options.
new TokenSource({ acount: code });
`;
    await writeFile(join(project, 'program.ts'), program);
    const options = { strict: true, noEmit: true, module: 'nodenext', target: 'es2022', types: [] };
    const settings = { compilerOptions: options, files: ['program.ts'] };
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(settings));
    expect(await tool('tsc', '-p', project)).toBe('');
    const names = await runProgram("console.log(Object.keys(await import('mailbearer')).sort().join());");
    expect(names).toEqual({ status: 0, printed: 'AppError,TokenSource\n' });
  });

  it('keeps the rest to itself', async () => {
    const { printed, status } = await runProgram("import 'mailbearer/dist/config/load.js';");
    expect({ status, printed }).toEqual({
      status: 1,
      printed: expect.stringContaining('ERR_PACKAGE_PATH_NOT_EXPORTED') as string,
    });
  });

  it('sends through nodemailer, with another token after one that the server refused', async () => {
    const authority = await createCertificateAuthority(join(project, 'certificates'));
    const { certificate, key } = await authority.issue('upstream').then(async (files) => ({
      certificate: await readFile(files.certificateFile, 'utf8'),
      key: await readFile(files.keyFile, 'utf8'),
    }));
    const upstream = await startScriptedUpstream({ tls: { cert: certificate, key } });
    teardown.defer(() => upstream.close());
    upstream.acceptedTokens = new Set(['access-token-1']);
    await writeTokenFile(tokenFile, systemClock, 3600);
    // Not so new that the refusal must have another reason.
    await utimes(tokenFile, 0, systemClock.now() / 1000 - 120);
    const program = (await example('nodemailer'))
      .replace("'smtp.gmail.com'", "'localhost'")
      .replace('587', String(upstream.port));
    const trust = { NODE_EXTRA_CA_CERTS: authority.certificateFile };
    expect(await runProgram(program, trust)).toEqual({ status: 0, printed: '' });
    expect(upstream.messages).toMatchObject([
      { user: account, mail: expect.stringContaining(account) as string },
    ]);
    expect(endpoint.requests).toHaveLength(1);
  });

  it('gives a token to any program, and tells what is wrong with the exit status of the command', async () => {
    await writeTokenFile(tokenFile, systemClock, 3600);
    const program = (await example('fetch')).replace('/etc/tokens/you@gmail.com', tokenFile);
    expect(await runProgram(program)).toEqual({
      status: 0,
      printed: expect.stringMatching(/^you@gmail\.com: 8 characters, until 2\d{3}-/) as string,
    });
    expect(await runProgram(program.replace(tokenFile, '/nowhere'))).toEqual({
      status: 77,
      printed: expect.stringMatching(/^token-missing: .*\/nowhere/) as string,
    });
  });
});
