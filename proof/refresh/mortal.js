// @ts-check
/**
 * Loaded into a mailbearer that is to die (node --import): every operation on a file of one directory becomes a step
 * that is told on file descriptor 3, and at the step that was chosen the process kills itself, before the operation,
 * in the middle of it, or after it. The operations themselves are Node's own and stay as they are.
 *
 * MORTAL_DIRECTORY names the directory. MORTAL_STEP, when there is one, is `NUMBER before|during|after`.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname } from 'node:path';

/** @typedef {(...args: unknown[]) => Promise<unknown>} Operation */
/** @typedef {Record<string, Operation | undefined>} Operations */

const directory = process.env['MORTAL_DIRECTORY'] ?? '';
const [fatalStep, fatalMoment] = (process.env['MORTAL_STEP'] ?? '').split(' ');
/** Of `node:fs/promises`, and of the handles that its `open` gives. */
const onPaths = [
  'link',
  'lstat',
  'open',
  'readFile',
  'readdir',
  'readlink',
  'realpath',
  'rename',
  'stat',
  'unlink',
];
const onHandles = [
  'chmod',
  'chown',
  'close',
  'readFile',
  'stat',
  'sync',
  'truncate',
  'utimes',
  'write',
  'writeFile',
];
let steps = 0;

const module = /** @type {Operations} */ (/** @type {unknown} */ (fs.promises));
for (const name of onPaths) {
  const original = /** @type {Operation} */ (module[name]);
  module[name] = async (...args) => {
    const paths = args.filter((value, index) => index < 2 && isOurs(value)).map(shown);
    if (paths.length === 0) return original(...args);
    const what = paths.join(' to ');
    const result = await step(`${name} ${what}`, () => original(...args));
    if (name === 'open') watch(/** @type {Operations} */ (result), what);
    return result;
  };
}
syncBuiltinESMExports();

/** @param {Operations} handle @param {string} what */
function watch(handle, what) {
  for (const name of onHandles) {
    const original = /** @type {Operation} */ (handle[name]).bind(handle);
    handle[name] = (...args) => step(`${name} ${what}`, () => original(...args));
  }
}

/** @param {string} what @param {() => Promise<unknown>} operate */
async function step(what, operate) {
  const number = String((steps += 1));
  const reach = (/** @type {string} */ moment) => {
    if (number === fatalStep && moment === fatalMoment) process.kill(process.pid, 'SIGKILL');
  };
  reach('before');
  fs.writeSync(3, `${number} begins: ${what}\n`);
  const operation = operate();
  reach('during');
  try {
    const result = await operation;
    fs.writeSync(3, `${number} is done: ${what}\n`);
    return result;
  } finally {
    reach('after');
  }
}

/** @param {unknown} path */
function isOurs(path) {
  return typeof path === 'string' && (path === directory || dirname(path) === directory);
}

/** Without what is another one each time. @param {unknown} path */
function shown(path) {
  if (path === directory) return 'directory';
  return basename(String(path)).replace(/\.[0-9a-z]{8}\.tmp$/, '.tmp');
}
