// @ts-check
/**
 * The real command line (bin/mailbearer.js) as a child process, in an environment that holds nothing of the person
 * who runs the demo. What it prints is kept, so that it can be waited for and shown when something fails.
 */
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';

const binary = fileURLToPath(new URL('../../bin/mailbearer.js', import.meta.url));

/** `serve` finishes messages in flight; none of the demo's takes so long. */
const stopGraceMs = 5_000;

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {() => string} output Everything printed so far, standard output and standard error together.
 * @property {<T>(probe: (output: string) => T | undefined) => Promise<T>} until Asks `probe` whenever something was
 * printed until it gives something; rejects when the program ends before, or at the signal.
 * @property {() => Promise<number | null>} exited The exit status; null when a signal ended it.
 * @property {() => Promise<void>} close SIGTERM, and SIGKILL when that is ignored. Harmless when it has ended.
 */

/**
 * @param {string[]} args
 * @param {{ cwd: string, signal: AbortSignal }} options At the signal waiting ends, not the program.
 * @returns {Program}
 */
export function startMailbearer(args, { cwd, signal }) {
  const name = `mailbearer ${args[0] ?? ''}`;
  const child = spawn(process.execPath, [binary, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const news = new EventEmitter();
  let output = '';
  /** @type {{ status: number | null } | undefined} */
  let ended;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      output += text;
      news.emit('news');
    });
  }
  // 'close', not 'exit': only then has all of the output been read.
  child.once('close', (status) => {
    ended = { status };
    news.emit('news');
  });
  child.once('error', (error) => (output += String(error)));

  /** @type {<T>(look: () => T | undefined) => Promise<T>} */
  const waitFor = async (look) => {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await once(news, 'news', { signal });
    }
  };

  return {
    name,
    output: () => output,
    until: (probe) =>
      waitFor(() => {
        const found = probe(output);
        if (found === undefined && ended !== undefined) throw new Error(`${name} ended with ${ended.status}`);
        return found;
      }),
    exited: async () => (await waitFor(() => ended)).status,
    async close() {
      if (ended !== undefined) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
      await once(child, 'close');
      clearTimeout(timer);
    },
  };
}
