// @ts-check
/**
 * `mailbearer serve` as it would be deployed, with the sinks as its upstreams: one account for each, whose token
 * lives for long. Its log, a line for each message, goes as JSON to a file, and is held against what was sent.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const tokenLifeSeconds = 30 * 86_400;
/** Microsoft's have between 1.5 and 2.5 kB. */
const tokenOctets = 2_000;
/** What a hoster's own server allows: every session of the generator has one upstream, as it has through a pipe. */
const mostSessions = 1_000;

/** @typedef {'plain' | 'tls' | 'slow'} Upstream */

/** The sender whose account submits to an upstream. @param {Upstream} upstream */
export function senderFor(upstream) {
  return `${upstream}@bench.test`;
}

/**
 * Writes the configuration and the token files into `directory`.
 *
 * @param {string} directory
 * @param {object} options
 * @param {number} options.port Where it shall listen.
 * @param {Partial<Record<Upstream, number>>} options.upstreams The ports of the sinks that there are.
 * @param {string} options.authorityFile Whose certificate the TLS sink has.
 */
export async function configure(directory, { port, upstreams, authorityFile }) {
  const tokens = join(directory, 'tokens');
  await mkdir(tokens, { recursive: true });
  const accounts = /** @type {[Upstream, number][]} */ (Object.entries(upstreams));
  for (const [upstream] of accounts) {
    const token = {
      access_token: randomBytes(tokenOctets / 2).toString('hex'),
      refresh_token: 'unused',
      expiry: String(Math.floor(Date.now() / 1000) + tokenLifeSeconds),
    };
    await writeFile(join(tokens, senderFor(upstream)), JSON.stringify(token), { mode: 0o600 });
  }
  const submission = (/** @type {Upstream} */ upstream, /** @type {number} */ sinkPort) =>
    upstream === 'tls'
      ? { smtp: { host: 'localhost', port: sinkPort, tls: 'starttls' } }
      : { smtp: { host: '127.0.0.1', port: sinkPort, tls: 'none' }, max_sessions: mostSessions };
  const config = {
    client_id: 'bench',
    // Nothing listens there: no token is refreshed.
    token_endpoint: 'http://127.0.0.1:1/token',
    ca_bundle_file: authorityFile,
    token_dir: tokens,
    accounts: Object.fromEntries(
      accounts.map(([upstream, sinkPort]) => [senderFor(upstream), submission(upstream, sinkPort)]),
    ),
    relay: { listen: `127.0.0.1:${port}` },
  };
  const file = join(directory, 'config.json');
  await writeFile(file, JSON.stringify(config, undefined, 2));
  return file;
}

/** How many messages a log says were sent. @param {string} logFile */
export async function countLogged(logFile) {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(logFile) })) {
    if (line.includes('"msg":"message sent"')) count++;
  }
  return count;
}
