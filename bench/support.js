// @ts-check
/**
 * What the system tests have and the benchmark needs too: programs as children, a private Postfix, certificates.
 * It is TypeScript there, so it is compiled first, into npm's cache directory below node_modules.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** For what is built on demand; below node_modules, so that imports find their packages and git sees nothing. */
export const buildDirectory = join(root, 'node_modules/.cache/mailbearer-bench');

const compiled = join(buildDirectory, 'support');
mkdirSync(compiled, { recursive: true });
writeFileSync(join(buildDirectory, 'package.json'), '{ "type": "module" }\n');
execFileSync(
  join(root, 'node_modules/.bin/tsc'),
  [
    ...['--ignoreConfig', '--noCheck', '--skipLibCheck', '--types', 'node'],
    ...['--module', 'nodenext', '--target', 'es2023'],
    ...['--rootDir', 'test/support', '--outDir', compiled],
    ...['process', 'postfix', 'certificates'].map((name) => `test/support/${name}.ts`),
  ],
  { cwd: root, stdio: 'inherit' },
);

/** @type {typeof import('../test/support/process.js')} */
const processes = await import(join(compiled, 'process.js'));
/** @type {typeof import('../test/support/postfix.js')} */
const postfix = await import(join(compiled, 'postfix.js'));
/** @type {typeof import('../test/support/certificates.js')} */
const certificates = await import(join(compiled, 'certificates.js'));

export const { Teardown, eventually, freePort, run, startProgram, temporaryDirectory } = processes;
export const { startPostfix } = postfix;
export const { createCertificateAuthority } = certificates;

/** @typedef {import('../test/support/process.js').RunningProgram} RunningProgram */
/** @typedef {import('../test/support/process.js').Teardown} TeardownSteps */
