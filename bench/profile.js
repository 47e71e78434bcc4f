// @ts-check
/**
 * Where the relay's time goes: V8's sampling profiler on `serve` while it relays small messages of ten kept sessions,
 * as self time by function. System calls show as the native functions of Node that make them.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * @typedef {object} ProfileLine
 * @property {string} function
 * @property {string} place File of mailbearer, module of Node, or "" for native code.
 * @property {number} share Of the time in which the process was not idle, 0 to 1.
 */

/**
 * The part of V8's format that is read here (https://chromedevtools.github.io/devtools-protocol/tot/Profiler/).
 *
 * @typedef {object} CpuProfile
 * @property {{ id: number, callFrame: { functionName: string, url: string } }[]} nodes
 * @property {number} startTime Microseconds of CLOCK_MONOTONIC, which process.hrtime reads too.
 * @property {number[]} samples Ids of nodes.
 * @property {number[]} timeDeltas Microseconds since the sample before.
 */

const samplingMicroseconds = 200;
const linesShown = 25;

/** @param {import('./bench.js').Bench} bench @returns {Promise<ProfileLine[]>} */
export async function profileRelay(bench) {
  const directory = join(bench.surroundings.directory, 'profile');
  const nodeOptions = [
    '--cpu-prof',
    `--cpu-prof-interval=${samplingMicroseconds}`,
    `--cpu-prof-dir=${directory}`,
  ];
  const [from, to] = await bench.afresh(
    'mailbearer',
    async (relay) => {
      await bench.send(relay, { messages: bench.count(5_000) });
      const begin = microseconds();
      await bench.send(relay, { messages: bench.count(30_000) });
      return [begin, microseconds()];
    },
    { nodeOptions },
  );
  const [file = ''] = await readdir(directory);
  return selfTimes(JSON.parse(await readFile(join(directory, file), 'utf8')), from ?? 0, to ?? 0);
}

function microseconds() {
  return Number(process.hrtime.bigint() / 1000n);
}

/**
 * Of the samples between two moments: starting up and compiling are no part of relaying.
 *
 * @param {CpuProfile} profile
 * @param {number} from
 * @param {number} to
 * @returns {ProfileLine[]}
 */
function selfTimes({ nodes, startTime, samples, timeDeltas }, from, to) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  /** @type {Map<string, number>} */
  const times = new Map();
  let at = startTime;
  for (const [index, id] of samples.entries()) {
    const elapsed = timeDeltas[index] ?? 0;
    at += elapsed;
    const name = names.get(id) ?? '';
    if (at > from && at < to) times.set(name, (times.get(name) ?? 0) + elapsed);
  }
  times.delete(idle);
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, linesShown)
    .map(([name, time]) => {
      const [called = '', place = ''] = name.split('\t');
      return { function: called, place, share: time / total };
    });
}

const idle = '(idle)\t';

/** Function and place, which together are counted as one. @param {CpuProfile['nodes'][number]['callFrame']} frame */
function nameOf({ functionName, url }) {
  const place = url.replace(/^.*\/(dist|node_modules)\//, (_, root) =>
    root === 'dist' ? '' : 'node_modules/',
  );
  return `${functionName || '(anonymous)'}\t${place}`;
}
