// @ts-check
/**
 * What stands around the demo's story: a directory of its own, an end in every case (success, failure, Ctrl-C, a
 * reader of the output that goes away), and the exit status. Whatever was started on the stage is stopped, the
 * last one first, and the directory is removed.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startMailbearer } from './mailbearer.js';
import { Story } from './story.js';

/** Several times what a slow machine needs. */
const patienceMs = 120_000;
/** Between two looks of who keeps the stage. */
const lookMs = 200;
/** Of a program's output, when something failed; the cause is near the end. */
const linesShown = 20;

/** @typedef {import('./mailbearer.js').Program} Program */

/**
 * @typedef {object} Stage
 * @property {Story} story
 * @property {string} directory Empty at first.
 * @property {<T extends { close(): Promise<void> }>(started: T) => T} add Remembers to close something, and gives
 * it back.
 * @property {(...args: string[]) => Program} start Runs a `mailbearer` command in the directory.
 * @property {(look: () => void) => Promise<void>} keep Calls `look` again and again until Ctrl-C, which is then the
 * end that everybody expects: status 0.
 */

/**
 * Runs `tell` and clears up behind it.
 *
 * @param {(stage: Stage) => Promise<void>} tell
 * @returns {Promise<number>} The exit status: 0, 1, or 128 and the number of the signal that ended it.
 */
export async function perform(tell) {
  const controller = new AbortController();
  const { signal } = controller;
  let status = 0;
  for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.once(name, () => {
      status = 128 + constants.signals[name];
      controller.abort(new Error(`interrupted by ${name}`));
    });
  }
  // `npm run demo | head`: nobody reads on.
  process.stdout.on('error', (error) => controller.abort(error));
  const limit = setTimeout(() => {
    controller.abort(new Error(`not finished after ${patienceMs / 1000} s`));
  }, patienceMs);

  /** @type {Program[]} */
  const programs = [];
  /** @type {{ close(): Promise<void> }[]} */
  const open = [];
  /** @type {Stage['add']} */
  const add = (started) => {
    open.push(started);
    return started;
  };
  try {
    const directory = await makeDirectory(add);
    const story = new Story(process.stdout, process.env, signal);
    const start = (/** @type {string[]} */ ...args) => {
      const program = add(startMailbearer(args, { cwd: directory, signal }));
      programs.push(program);
      return program;
    };
    /** @type {Stage['keep']} */
    const keep = async (look) => {
      clearTimeout(limit);
      while (!signal.aborted) {
        look();
        await sleep(lookMs, undefined, { signal }).catch(() => undefined);
      }
      status = 0;
    };
    await tell({ story, directory, add, start, keep });
  } catch (error) {
    // Who interrupts knows why; otherwise the command that ran at that time may say it.
    report(signal.aborted ? signal.reason : error, status === 0 ? programs.at(-1) : undefined);
    status ||= 1;
  }
  clearTimeout(limit);
  for (const each of open.toReversed()) {
    await each.close().catch((error) => {
      report(error);
      status ||= 1;
    });
  }
  return status;
}

/** @param {Stage['add']} add */
async function makeDirectory(add) {
  const kept = process.env['MAILBEARER_DEMO_DIRECTORY'];
  if (kept) {
    await mkdir(kept, { mode: 0o700 });
    return resolve(kept);
  }
  const directory = await mkdtemp(join(tmpdir(), 'mailbearer-demo-'));
  add({ close: () => rm(directory, { recursive: true, force: true }) });
  return directory;
}

/** @param {unknown} error @param {Program} [program] */
function report(error, program) {
  const lines = [`\ndemo failed: ${error instanceof Error ? error.message : String(error)}`];
  if (program?.output()) {
    const said = program.output().trimEnd().split('\n');
    // The dialogue would drown what matters.
    const telling = said.filter((line) => !line.includes('"level":"trace"')).slice(-linesShown);
    lines.push(`\n${program.name} said:`, ...telling.map((line) => `  ${line}`));
  }
  process.stderr.write(`${lines.join('\n')}\n`);
}
