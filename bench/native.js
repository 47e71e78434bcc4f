// @ts-check
/**
 * The load generator and the sink, which are C programs because a slower peer would be what is measured. Compiled
 * at each start, in a second; TLS in the sink needs OpenSSL's headers and is left out without them.
 */
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildDirectory, run, startProgram } from './support.js';

const source = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const binary = (/** @type {string} */ name) => join(buildDirectory, name);

/** Throws with what to install when there is no C compiler. @returns {Promise<{ hasTls: boolean }>} */
export async function compile() {
  const cc = (/** @type {string} */ name, /** @type {string[]} */ ...more) =>
    run('cc', ['-O2', '-o', binary(name), source(`${name}.c`), ...more]);
  try {
    await cc('load');
  } catch (cause) {
    const hint = 'install one: apt-get install gcc libc6-dev libssl-dev';
    throw new Error(`the benchmark needs a C compiler for its load generator; ${hint}`, { cause });
  }
  try {
    await cc('sink', '-DWITH_TLS', '-lssl', '-lcrypto');
    return { hasTls: true };
  } catch {
    await cc('sink');
    return { hasTls: false };
  }
}

/**
 * The options of load.c, by name; see there for units and defaults.
 *
 * @typedef {Partial<Record<'sessions' | 'messages' | 'size' | 'recipients' | 'warmup' | 'kept' | 'pipelined' |
 *   'dots' | 'idle', number>>} LoadOptions
 */

/**
 * @typedef {object} LoadResult
 * @property {number} messages Within the time measured.
 * @property {number} seconds
 * @property {number} octets Of those messages, without their end marks.
 * @property {number} allMessages With those that warmed the sessions up.
 * @property {number} allOctets As sent, with end marks.
 * @property {number} p50Ms
 * @property {number} p90Ms
 * @property {number} p99Ms
 * @property {number} maxMs
 */

/** @param {number} port @param {string} sender @param {LoadOptions} options */
function loadArguments(port, sender, options) {
  return [
    `port=${port}`,
    `sender=${sender}`,
    ...Object.entries(options).map(([name, value]) => `${name}=${value}`),
  ];
}

/**
 * Sends, and waits for the last reply. Throws when any message was not accepted.
 *
 * @param {number} port
 * @param {string} sender
 * @param {LoadOptions} options
 * @returns {Promise<LoadResult>}
 */
export async function runLoad(port, sender, options) {
  return JSON.parse(await run(binary('load'), loadArguments(port, sender, options)));
}

/** Opens `sessions` sessions that say EHLO and then nothing, until stopped. @param {number} port @param {number} sessions */
export async function holdIdle(port, sessions) {
  const program = startProgram(binary('load'), loadArguments(port, 'a@bench.test', { sessions, idle: 1 }));
  await program.waitForOutput(/ready/);
  return program;
}

/**
 * What a sink has counted since it was last asked.
 *
 * @typedef {object} Counted
 * @property {number} connections
 * @property {number} handshakes TLS handshakes.
 * @property {number} auths Successful AUTH commands.
 * @property {number} messages
 * @property {number} octets Of messages, with end marks, dot-stuffed.
 * @property {number} recipients
 * @property {number} firstAt When the first message ended; seconds of CLOCK_MONOTONIC.
 * @property {number} lastAt
 */

/**
 * @typedef {object} Sink
 * @property {number} port
 * @property {() => Promise<Counted>} count
 * @property {() => Promise<unknown>} stop
 */

/** @param {{ delayMs?: number, tls?: { certificateFile: string, keyFile: string } }} options @returns {Promise<Sink>} */
export async function startSink({ delayMs = 0, tls }) {
  const args = [`delay-ms=${delayMs}`];
  if (tls) args.push(`cert=${tls.certificateFile}`, `key=${tls.keyFile}`);
  const program = startProgram(binary('sink'), args, { name: 'sink' });
  const [, port] = await program.waitForOutput(/listening (\d+)\n/);
  return {
    port: Number(port),
    async count() {
      const offset = program.output().length;
      program.signal('SIGUSR1');
      const [line] = await program.waitForOutput(/\{.*\}\n/, offset);
      return JSON.parse(line);
    },
    stop: () => program.stop(),
  };
}

/** Counts of one sink, added up. @param {Counted} a @param {Counted} b @returns {Counted} */
function addCounts(a, b) {
  return {
    connections: a.connections + b.connections,
    handshakes: a.handshakes + b.handshakes,
    auths: a.auths + b.auths,
    messages: a.messages + b.messages,
    octets: a.octets + b.octets,
    recipients: a.recipients + b.recipients,
    firstAt: a.messages > 0 ? a.firstAt : b.firstAt,
    lastAt: b.messages > 0 ? b.lastAt : a.lastAt,
  };
}

const pollMs = 200;
/** A sink that gets nothing for so long will get no more. */
const patienceMs = 15_000;

/**
 * Waits until a sink has got so many messages since it was last asked.
 *
 * @param {Sink} sink
 * @param {number} messages
 */
export async function countUntil(sink, messages) {
  let all = await sink.count();
  let lastNews = performance.now();
  while (all.messages < messages) {
    await sleep(pollMs);
    const news = await sink.count();
    all = addCounts(all, news);
    if (news.messages > 0) lastNews = performance.now();
    else if (performance.now() - lastNews > patienceMs)
      throw new Error(`only ${all.messages} of ${messages} messages arrived`);
  }
  return all;
}
