// @ts-check
/**
 * `npm run proof:storm`, `proof:fuzz`, `proof:refresh`, `proof:fleet`, `proof:guess` and `proof:soak`: the long forms of what `npm test`
 * does briefly. Progress goes to standard error, figures to standard output; the exit status is 1 when a fault was found, 2 when the command
 * line is wrong.
 *
 * The proofs and the test servers that they use are TypeScript. They are compiled into npm's cache directory below
 * node_modules, so that imports find their packages and git sees nothing.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaults, readOptions, usage } from './options.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiled = join(root, 'node_modules/.cache/mailbearer-proof');

// Children are stopped when the process exits, which a signal alone would not do.
process.once('SIGINT', () => process.exit(130));

const [name = '', ...args] = process.argv.slice(2);
const options = commandLine();

mkdirSync(compiled, { recursive: true });
writeFileSync(join(compiled, 'package.json'), '{ "type": "module" }\n');
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'proof/tsconfig.json', '--noCheck'], {
  cwd: root,
  stdio: 'inherit',
});

/** @type {typeof import('./report.js')} */
const { formatReport } = await import(join(compiled, 'proof/report.js'));

/** @type {import('./report.js').Progress} */
const progress = (line) => process.stderr.write(`${line}\n`);

/** @returns {Promise<import('./report.js').Report>} */
async function prove() {
  const program = join(root, 'bin/mailbearer.js');
  if ('messages' in options) {
    /** @type {typeof import('./storm/storm.js')} */
    const { storm } = await import(join(compiled, 'proof/storm/storm.js'));
    return storm({ ...options, lifeMs: 2000, program, progress });
  }
  if ('kills' in options) {
    /** @type {typeof import('./refresh/refresh.js')} */
    const { killRefreshes } = await import(join(compiled, 'proof/refresh/refresh.js'));
    return killRefreshes({ ...options, program, mortal: join(root, 'proof/refresh/mortal.js'), progress });
  }
  if ('guesses' in options) {
    /** @type {typeof import('./guess/guess.js')} */
    const { guess } = await import(join(compiled, 'proof/guess/guess.js'));
    return guess({ ...options, program, progress });
  }
  if ('accounts' in options) {
    /** @type {typeof import('./fleet/fleet.js')} */
    const { proveFleet } = await import(join(compiled, 'proof/fleet/fleet.js'));
    return proveFleet({ ...options, program, progress });
  }
  if ('minutes' in options) {
    /** @type {typeof import('./soak/soak.js')} */
    const { soak } = await import(join(compiled, 'proof/soak/soak.js'));
    return soak({ seconds: options.minutes * 60, seed: options.seed, program, progress });
  }
  /** @type {typeof import('./fuzz/fuzz.js')} */
  const { fuzz } = await import(join(compiled, 'proof/fuzz/fuzz.js'));
  return fuzz({ ...options, progress });
}

const report = await prove();
process.stdout.write(formatReport(report));
process.exitCode = report.faults.length === 0 ? 0 : 1;

// With everything stopped the process ends by itself, unless something was left running.
setTimeout(() => {
  process.stdout.write(`FAULT: this is still running: ${process.getActiveResourcesInfo().join(', ')}\n`);
  process.exit(1);
}, 10_000).unref();

/** Ends the process when it is wrong. */
function commandLine() {
  try {
    if (Object.hasOwn(defaults, name))
      return readOptions(args, defaults[/** @type {keyof typeof defaults} */ (name)]);
    throw new TypeError(`there is no proof "${name}"`);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\n${usage}`);
    process.exit(2);
  }
}
