// @ts-check
/**
 * `npm run proof:storm` and `npm run proof:fuzz`: the long forms of what `npm test` does briefly. Progress goes to
 * standard error, figures to standard output; the exit status is 1 when a fault was found.
 *
 * The proofs and the test servers that they use are TypeScript. They are compiled into npm's cache directory below
 * node_modules, so that imports find their packages and git sees nothing.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiled = join(root, 'node_modules/.cache/mailbearer-proof');

const usage = `npm run proof:storm -- [--messages N] [--seed N] [--seconds N]
npm run proof:fuzz -- [--count N] [--seed N] [--seconds N]
`;

// Children are stopped when the process exits, which a signal alone would not do.
process.once('SIGINT', () => process.exit(130));

mkdirSync(compiled, { recursive: true });
writeFileSync(join(compiled, 'package.json'), '{ "type": "module" }\n');
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'proof/tsconfig.json', '--noCheck'], {
  cwd: root,
  stdio: 'inherit',
});

/** @type {typeof import('./report.js')} */
const { formatReport } = await import(join(compiled, 'proof/report.js'));
/** @type {typeof import('./options.js')} */
const { readOptions } = await import(join(compiled, 'proof/options.js'));

/** @type {import('./report.js').Progress} */
const progress = (line) => process.stderr.write(`${line}\n`);
const [name, ...args] = process.argv.slice(2);

/** @returns {Promise<import('./report.js').Report | undefined>} */
async function prove() {
  if (name === 'storm') {
    /** @type {typeof import('./storm/storm.js')} */
    const { storm } = await import(join(compiled, 'proof/storm/storm.js'));
    const options = readOptions(args, { messages: 2000, seed: 1, seconds: 600 });
    return storm({ ...options, lifeMs: 2000, program: join(root, 'bin/mailbearer.js'), progress });
  }
  if (name === 'fuzz') {
    /** @type {typeof import('./fuzz/fuzz.js')} */
    const { fuzz } = await import(join(compiled, 'proof/fuzz/fuzz.js'));
    return fuzz({ ...readOptions(args, { count: 1_000_000, seed: 1, seconds: 600 }), progress });
  }
  return undefined;
}

const report = await prove();
process.stdout.write(report === undefined ? usage : formatReport(report));
process.exitCode = report?.faults.length === 0 ? 0 : 1;

// With everything stopped the process ends by itself, unless something was left running.
setTimeout(() => {
  process.stdout.write(`FAULT: this is still running: ${process.getActiveResourcesInfo().join(', ')}\n`);
  process.exit(1);
}, 10_000).unref();
