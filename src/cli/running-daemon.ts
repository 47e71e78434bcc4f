/** Talks to the `serve` that runs with the same configuration, by its status server and with its key. */
import { request } from 'node:http';
import { homedir } from 'node:os';
import type { Config } from '../config/config.js';
import type { StatusAddress } from '../config/status.js';
import { formatListenAddress } from '../config/values.js';
import { AppError, describeCause } from '../core/errors.js';
import { findStateFile } from '../refresh/state-file.js';
import { keyFilePath, readKey } from '../status/key-file.js';
import type { MessageTotals, Snapshot } from '../status/snapshot.js';

/** It is on this machine, and answers at once or not at all. */
const patienceMs = 2_000;

/** Octets of a query after which the next begins: an address must fit into what `serve` reads. */
const longQuery = 8_000;

/** The messages of these accounts since `serve` started; undefined where none runs, or it may not be asked. */
export async function messagesSinceStart(
  config: Config,
  asked: readonly { readonly account: string }[],
): Promise<ReadonlyMap<string, MessageTotals> | undefined> {
  if (config.status === undefined) return undefined;
  const known = new Map<string, MessageTotals>();
  try {
    // One after the other: mail goes on between the answers, and would have to wait for one about all.
    for (const query of queriesFor(asked)) {
      const { accounts } = (await ask(config, 'GET', `/status.json?${query.slice(1)}`)) as Snapshot;
      for (const { account, messages } of accounts) known.set(account, messages);
    }
    return known;
  } catch {
    return undefined;
  }
}

function queriesFor(accounts: readonly { readonly account: string }[]): readonly string[] {
  const queries: string[] = [];
  let query = '';
  for (const { account } of accounts) {
    query += `&account=${encodeURIComponent(account)}`;
    if (query.length < longQuery) continue;
    queries.push(query);
    query = '';
  }
  return query === '' ? queries : [...queries, query];
}

/** What lets one browser in, once. Throws AppError when nothing answers, or not as it should. */
export async function requestTicket(config: Config): Promise<string> {
  const { ticket } = (await ask(config, 'POST', '/ticket')) as { ticket: string };
  return ticket;
}

/** Throws AppError. */
async function ask(config: Config, method: 'GET' | 'POST', path: string): Promise<unknown> {
  const { status } = config;
  if (status === undefined)
    throw new AppError('config-invalid', 'the configuration opens no status page', {
      hint: 'add "status": { "listen": "127.0.0.1:8025" } to it, and restart serve',
    });
  const stateFile = await findStateFile(config.stateDir, process.env, homedir());
  const key = await readKey(keyFilePath(status.keyFile, stateFile));
  const headers = { host: 'localhost', authorization: `Bearer ${key.reveal()}` };
  const { body, code } = await exchange(status.listen, { method, path, headers });
  if (code < 300) return JSON.parse(body) as unknown;
  throw new AppError('daemon-unreachable', `serve answered ${code}: ${body.trim()}`, {
    hint: 'its key is another one: does it run with this configuration, and the same state_dir?',
  });
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

function exchange(address: StatusAddress, asked: Asked): Promise<{ code: number; body: string }> {
  const target =
    address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port };
  return new Promise((resolve, reject) => {
    const sent = request({ ...target, ...asked, agent: false, timeout: patienceMs }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ code: response.statusCode ?? 0, body }));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', (cause) =>
      reject(
        new AppError(
          'daemon-unreachable',
          `no serve answers at ${nameOf(address)}: ${describeCause(cause)}`,
          {
            hint: 'start mailbearer serve with this configuration',
            cause,
          },
        ),
      ),
    );
    sent.end();
  });
}

export function nameOf(address: StatusAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return formatListenAddress(address);
}
