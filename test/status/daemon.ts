/**
 * A whole daemon that shows itself: real token files, a real token endpoint, a scripted upstream, and HTTP as anyone
 * would speak it. What was started is closed after each test.
 */
import { request } from 'node:http';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../../src/config/parse.js';
import { systemClock } from '../../src/core/clock.js';
import { startDaemon } from '../../src/daemon/serve.js';
import { afterwards, upstreamWith } from '../relay/scene.js';
import { temporaryDirectory } from '../support/process.js';
import { type LogLine, loggerInto } from '../support/recording-logger.js';
import type { ScriptedUpstream } from '../support/scripted-upstream.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { writeTokenFile } from '../support/token-files.js';

export interface Shown {
  readonly upstream: ScriptedUpstream;
  readonly endpoint: TokenEndpoint;
  /** Where the relay takes mail. */
  readonly port: number;
  /** Where the status is, as the log says it. */
  readonly where: string;
  readonly log: readonly LogLine[];
  readonly directory: string;
  readonly configuration: object;
  close(): Promise<void>;
}

export interface Page {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface DaemonOptions {
  readonly status?: object;
  /** Seconds that the token of a@b.example has left. */
  readonly lifeSeconds?: number;
  readonly senders?: readonly string[];
  /** More settings of the account. */
  readonly account?: object;
  /** Another one than a@b.example. */
  readonly login?: string;
  /** More of the configuration. */
  readonly configuration?: object;
}

/** With the account a@b.example. */
export async function shownDaemon(options: DaemonOptions = {}): Promise<Shown> {
  const root = await temporaryDirectory();
  afterwards(() => root.remove());
  const upstream = await upstreamWith();
  const endpoint = await startTokenEndpoint();
  afterwards(() => endpoint.close());
  const tokens = join(root.path, 'tokens');
  await mkdir(tokens);
  const login = options.login ?? 'a@b.example';
  await writeTokenFile(join(tokens, login), systemClock, options.lifeSeconds ?? 3600);
  const configuration = {
    client_id: 'id',
    token_endpoint: endpoint.url.href,
    token_dir: tokens,
    state_dir: root.path,
    accounts: {
      [login]: {
        smtp: { host: '127.0.0.1', port: upstream.port, tls: 'none' },
        senders: options.senders ?? [],
        ...options.account,
      },
    },
    relay: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0', ...options.status },
    ...options.configuration,
  };
  const log: LogLine[] = [];
  const daemon = await startDaemon(parseConfig(configuration, undefined).config, loggerInto(log));
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= daemon.close());
  afterwards(close);
  const where = String(log.find(({ message }) => message === 'showing the status')?.fields['where']);
  const { port } = daemon.addresses[0]!;
  return { upstream, endpoint, port, where, log, directory: root.path, configuration, close };
}

/** Asks as a program does that has no browser's manners. */
export function ask(
  where: string,
  path: string,
  {
    body = '',
    ...options
  }: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  } = {},
): Promise<Page> {
  const unix = /^unix:(.*)/.exec(where)?.[1];
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(where) ?? [];
  const target = unix === undefined ? { host, port: Number(port) } : { socketPath: unix };
  return new Promise((resolve, reject) => {
    const sent = request({ ...target, path, agent: false, ...options }, (response) => {
      let page = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (page += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: page }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What a program has that may read the key. */
export async function keyOf({ directory }: Pick<Shown, 'directory'>): Promise<Record<string, string>> {
  const key = await readFile(join(directory, 'status.key'), 'utf8');
  return { authorization: `Bearer ${key.trim()}` };
}

/** What a browser has that was let in. */
export async function cookieOf(daemon: Pick<Shown, 'directory' | 'where'>): Promise<Record<string, string>> {
  const { body } = await ask(daemon.where, '/ticket', { method: 'POST', headers: await keyOf(daemon) });
  const { ticket } = JSON.parse(body) as { ticket: string };
  const { headers } = await ask(daemon.where, `/enter?ticket=${ticket}`);
  return { cookie: String(headers['set-cookie']).split(';')[0]! };
}

/** The samples of a scrape, by name and labels as they stand there. */
export async function scrape(where: string): Promise<ReadonlyMap<string, number>> {
  const { body } = await ask(where, '/metrics');
  const samples = [...body.matchAll(/^([a-z_]+(?:\{.*\})?) (\S+)$/gm)];
  return new Map(samples.map(([, name = '', value]) => [name, Number(value)]));
}
