// @ts-check
/**
 * What is compared: relays that stand between the load generator and the sink, each a process of its own on the
 * core that is theirs. `direct` is the generator at the sink itself.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onFirstCore, tryProgram } from './machine.js';
import { configure, countLogged } from './mailbearer.js';
import { eventually, freePort, startProgram } from './support.js';

/** @typedef {import('./mailbearer.js').Upstream} Upstream */
/** @typedef {import('./native.js').Sink} Sink */
/** @typedef {'direct' | 'pipe' | 'haproxy' | 'mailbearer'} ContenderName */

/**
 * @typedef {object} Contender
 * @property {ContenderName} name
 * @property {number | undefined} pid Undefined when there is no process.
 * @property {(upstream: Upstream) => number} portTo Only mailbearer leads elsewhere than to `plain`.
 * @property {(messages: number) => void} expectLogged So many messages went through it.
 * @property {() => Promise<void>} stop Throws when its log lacks a message.
 */

/**
 * What contenders are started with.
 *
 * @typedef {object} Surroundings
 * @property {string} directory For their files.
 * @property {{ plain: Sink, slow: Sink, tls?: Sink | undefined }} sinks
 * @property {string} authorityFile
 * @property {string} program mailbearer's executable.
 */

/** Why a contender can't take part, or undefined. @param {ContenderName} name */
export function whyAbsent(name) {
  return name === 'haproxy' && tryProgram('haproxy', '-v') === undefined
    ? 'haproxy is not installed'
    : undefined;
}

/**
 * Starts a contender afresh and waits until it takes connections.
 *
 * @param {ContenderName} name
 * @param {Surroundings} surroundings
 * @param {{ port?: number | undefined, nodeOptions?: string[] }} [options] Of Node, for those that run in it.
 * @returns {Promise<Contender>}
 */
export async function startContender(name, surroundings, { port: wanted, nodeOptions = [] } = {}) {
  const { sinks } = surroundings;
  const sinkPort = (/** @type {Upstream} */ upstream) => sinks[upstream]?.port ?? 0;
  const notLogged = { expectLogged: () => undefined };
  if (name === 'direct') {
    return { name, pid: undefined, portTo: sinkPort, ...notLogged, stop: async () => undefined };
  }
  const port = wanted ?? (await freePort());
  const directory = join(surroundings.directory, `${name}-${port}`);
  await mkdir(directory, { recursive: true });
  const logFile = join(directory, 'log');
  const command = await commandOf(name, { surroundings, directory, port, nodeOptions });
  // The shell opens the log and is replaced by the program, whose process id it therefore has.
  const shell = ['sh', '-c', 'exec "$@" >"$0" 2>&1', logFile, ...command];
  const program = startProgram(...onFirstCore(shell), { name });
  let ended = false;
  void program.exited.then(() => (ended = true));
  await eventually(`${name} to listen`, async () => {
    if (ended) throw new Error(`${name} ended at once:\n${await readFile(logFile, 'utf8')}`);
    return accepts(port);
  });
  let expected = 0;
  return {
    name,
    pid: program.pid,
    portTo: () => port,
    expectLogged: (messages) => (expected += messages),
    async stop() {
      await program.stop();
      if (name !== 'mailbearer') return;
      const logged = await countLogged(logFile);
      if (logged !== expected)
        throw new Error(`${expected} messages were sent and ${logged} logged: ${logFile}`);
    },
  };
}

/**
 * @param {Exclude<ContenderName, 'direct'>} name
 * @param {{ surroundings: Surroundings, directory: string, port: number, nodeOptions: string[] }} place
 */
async function commandOf(name, { surroundings, directory, port, nodeOptions }) {
  const { sinks, authorityFile, program } = surroundings;
  switch (name) {
    case 'pipe': {
      const script = fileURLToPath(new URL('pipe.js', import.meta.url));
      return [process.execPath, ...nodeOptions, script, String(port), String(sinks.plain.port)];
    }
    case 'haproxy': {
      const file = join(directory, 'haproxy.cfg');
      await writeFile(file, haproxyConfig(port, sinks.plain.port));
      return ['haproxy', '-db', '-f', file];
    }
    case 'mailbearer': {
      const upstreams = {
        plain: sinks.plain.port,
        slow: sinks.slow.port,
        ...(sinks.tls && { tls: sinks.tls.port }),
      };
      const file = await configure(directory, { port, upstreams, authorityFile });
      return [process.execPath, ...nodeOptions, program, 'serve', '--config-file', file];
    }
  }
}

/** @param {number} port @param {number} upstreamPort */
function haproxyConfig(port, upstreamPort) {
  return `global
  nbthread 1
  maxconn 5000
defaults
  mode tcp
  timeout connect 5s
  timeout client 5m
  timeout server 5m
listen smtp
  bind 127.0.0.1:${port}
  server sink 127.0.0.1:${upstreamPort}
`;
}

/** @param {number} port @returns {Promise<true | undefined>} */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(undefined));
    socket.once('connect', () => socket.destroy());
  });
}
