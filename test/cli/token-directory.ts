/** A configuration and a directory of token files whose accounts lead to a token endpoint that a test scripts. */
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '../support/process.js';
import {
  type Conversation,
  type Finished,
  runBinary,
  startBinary,
  type Talk,
} from '../support/run-binary.js';
import { runHere, startHere } from '../support/run-here.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';

export interface TokenDirectory {
  readonly endpoint: TokenEndpoint;
  readonly path: string;
  readonly configFile: string;
  configure(keys?: object): Promise<void>;
  /** Writes a token file with these fields over the usual ones; of the hour that its token lives, `lifeSeconds` are left. */
  write(name: string, fields: object, lifeSeconds?: number): Promise<string>;
  read(name: string): Promise<Record<string, unknown>>;
  run(...args: readonly string[]): Promise<Finished>;
  start(...args: readonly string[]): Talk;
  /** In a process of its own. */
  runBinary(...args: readonly string[]): Promise<Finished>;
  startBinary(...args: readonly string[]): Conversation;
  close(): Promise<void>;
}

export async function openTokenDirectory(): Promise<TokenDirectory> {
  const endpoint = await startTokenEndpoint();
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'tokens');
  const configFile = join(directory.path, 'config.json');
  await mkdir(path);
  const options = { env: { MAILBEARER_CONFIG: configFile } };
  const opened: TokenDirectory = {
    endpoint,
    path,
    configFile,
    configure: (keys = {}) =>
      writeFile(
        configFile,
        JSON.stringify({
          client_id: 'id',
          client_secret: '',
          token_dir: path,
          token_endpoint: endpoint.url.href,
          providers: {
            corp: { token_endpoint: endpoint.url.href, smtp: { host: '127.0.0.1', port: 25, tls: 'none' } },
          },
          ...keys,
        }),
        { mode: 0o600 },
      ),
    async write(name, fields, lifeSeconds = 3600) {
      const expiresAt = Math.floor(Date.now() / 1000) + lifeSeconds;
      const expiry = String(expiresAt);
      const usual = { access_token: `A-${name}`, refresh_token: `R-${name}`, expiry };
      await writeFile(join(path, name), JSON.stringify({ ...usual, ...fields }), { mode: 0o600 });
      await utimes(join(path, name), expiresAt - 3600, expiresAt - 3600);
      return join(path, name);
    },
    read: async (name) => JSON.parse(await readFile(join(path, name), 'utf8')) as Record<string, unknown>,
    run: (...args) => runHere(args, options),
    start: (...args) => startHere(args, options),
    runBinary: (...args) => runBinary(args, options),
    startBinary: (...args) => startBinary(args, options),
    async close() {
      await endpoint.close();
      await directory.remove();
    },
  };
  await opened.configure();
  return opened;
}
