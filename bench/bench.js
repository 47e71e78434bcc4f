// @ts-check
/**
 * What a scenario works with: the sinks, contenders that live for a round or only for one run, and a
 * way to send through one and learn what it took. It believes no count that two sides do not agree on.
 */
import { rmSync } from 'node:fs';
import { startContender } from './contenders.js';
import { cpuMs, memoryMB } from './machine.js';
import { senderFor } from './mailbearer.js';
import { compile, runLoad, startSink } from './native.js';
import { createCertificateAuthority, Teardown, temporaryDirectory } from './support.js';

/** @typedef {import('./contenders.js').Contender} Contender */
/** @typedef {import('./contenders.js').ContenderName} ContenderName */
/** @typedef {import('./contenders.js').Surroundings} Surroundings */
/** @typedef {import('./mailbearer.js').Upstream} Upstream */
/** @typedef {import('./native.js').LoadOptions} LoadOptions */

/** The round trip to the slow upstream. */
export const slowRoundTripMs = 40;

/**
 * What sending took; a field is missing where there is no process to look at.
 *
 * @typedef {object} Sent
 * @property {number} messagesPerSecond
 * @property {number} megabytesPerSecond 10^6 octets of messages.
 * @property {number} p50Ms From MAIL, or from connecting where each message has a session of its own.
 * @property {number} p99Ms
 * @property {number} [cpuMsPerMessage] Of the contender.
 * @property {number} [peakMB] The contender's memory, at most since it was started.
 */

export class Bench {
  /** @type {Surroundings} */
  surroundings;
  /** @type {import('./support.js').TeardownSteps} */
  teardown;
  #quick;
  /** @type {Map<string, Promise<Contender>>} */
  #standing = new Map();

  /**
   * @private
   * @param {Surroundings} surroundings
   * @param {import('./support.js').TeardownSteps} teardown
   * @param {boolean} quick
   */
  constructor(surroundings, teardown, quick) {
    this.surroundings = surroundings;
    this.teardown = teardown;
    this.#quick = quick;
  }

  /**
   * Compiles and starts what all scenarios share. Close it in any case.
   *
   * @param {{ program: string, quick: boolean }} options
   */
  static async open({ program, quick }) {
    const { hasTls } = await compile();
    const teardown = new Teardown();
    try {
      const directory = await temporaryDirectory();
      teardown.defer(directory.remove);
      // An interrupted run leaves no logs of millions of messages behind.
      process.once('exit', () => rmSync(directory.path, { recursive: true, force: true }));
      const authority = await createCertificateAuthority(`${directory.path}/certificates`);
      const certificate = await authority.issue('sink');
      const plain = teardown.add(await startSink({}));
      const slow = teardown.add(await startSink({ delayMs: slowRoundTripMs }));
      const tls = hasTls ? teardown.add(await startSink({ tls: certificate })) : undefined;
      const sinks = { plain, slow, tls };
      const { path } = directory;
      const authorityFile = authority.certificateFile;
      return new Bench({ directory: path, sinks, authorityFile, program }, teardown, quick);
    } catch (error) {
      await teardown.run();
      throw error;
    }
  }

  async close() {
    try {
      await this.endRound();
    } finally {
      await this.teardown.run();
    }
  }

  get hasTls() {
    return this.surroundings.sinks.tls !== undefined;
  }

  /** So many messages in a full run, a tenth of them in a quick one. @param {number} full */
  count(full) {
    return this.#quick ? Math.ceil(full / 10) : full;
  }

  /**
   * A contender that has been used before, as in a relay that runs for long. It lives for one round: what Node makes
   * of the same code differs by some hundredths from process to process, and the median of the rounds is to be one
   * of processes, too. There is one for each kind of upstream, so that neither row depends on the other's.
   *
   * @param {ContenderName} name
   * @param {Upstream} [upstream]
   */
  standing(name, upstream = 'plain') {
    const key = `${name} ${upstream}`;
    const existing = this.#standing.get(key);
    if (existing) return existing;
    const started = this.#startStanding(name);
    this.#standing.set(key, started);
    return started;
  }

  /** @param {ContenderName} name */
  async #startStanding(name) {
    const contender = await startContender(name, this.surroundings);
    // Node compiles what is used often; not in the time that is measured.
    await this.send(contender, { messages: 1_000, kept: 0 });
    await this.send(contender, { messages: 20_000 });
    return contender;
  }

  /** Ends the contenders of a round. */
  async endRound() {
    const standing = [...this.#standing.values()];
    this.#standing.clear();
    for (const contender of standing) await (await contender).stop();
  }

  /**
   * Lets a contender live for one run only: for its memory, and for what it does on its first messages.
   *
   * @template T
   * @param {ContenderName} name
   * @param {(contender: Contender) => Promise<T>} use
   * @param {{ port?: number, nodeOptions?: string[] }} [options]
   */
  async afresh(name, use, options) {
    const contender = await startContender(name, this.surroundings, options);
    try {
      return await use(contender);
    } finally {
      await contender.stop();
    }
  }

  /**
   * Sends through a contender. Throws when a message was refused, or when the sink has not got exactly what the
   * generator sent.
   *
   * @param {Contender} contender
   * @param {LoadOptions} load
   * @param {Upstream} [upstream]
   * @returns {Promise<Sent>}
   */
  async send(contender, load, upstream = 'plain') {
    const sink = this.surroundings.sinks[upstream];
    if (sink === undefined) throw new Error(`there is no ${upstream} sink`);
    const { pid } = contender;
    await sink.count();
    const cpuBefore = pid === undefined ? 0 : cpuMs(pid);
    const sent = await runLoad(contender.portTo(upstream), senderFor(upstream), load);
    const used = pid === undefined ? {} : { cpuMsPerMessage: (cpuMs(pid) - cpuBefore) / sent.messages };
    const counted = await sink.count();
    if (counted.messages !== sent.allMessages || counted.octets !== sent.allOctets) {
      const sides = `${sent.allMessages} messages of ${sent.allOctets} octets were sent`;
      throw new Error(`${contender.name}: ${sides}, and ${counted.messages} of ${counted.octets} arrived`);
    }
    contender.expectLogged(sent.allMessages);
    return {
      messagesPerSecond: sent.messages / sent.seconds,
      megabytesPerSecond: sent.octets / sent.seconds / 1e6,
      p50Ms: sent.p50Ms,
      p99Ms: sent.p99Ms,
      ...used,
      ...(pid !== undefined && { peakMB: memoryMB(pid).peak }),
    };
  }
}
