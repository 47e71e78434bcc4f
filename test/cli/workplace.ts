/**
 * What a command finds on a machine: a configuration whose `gmail` and `outlook` lead to a real OpenID provider
 * on loopback, and an empty token directory. For the tests of this folder.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type OpenIdProvider,
  type OpenIdProviderOptions,
  startOpenIdProvider,
} from '../../examples/demo/openid-provider.js';
import { temporaryDirectory } from '../support/process.js';
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.js';
import {
  type Conversation,
  type Finished,
  runBinary,
  type RunOptions,
  startBinary,
  type Talk,
} from '../support/run-binary.js';
import { type HereOptions, runHere, startHere } from '../support/run-here.js';

export const login = 'alice@example.test';

export interface Workplace {
  readonly directory: string;
  readonly provider: OpenIdProvider;
  /** The submission server of all accounts. */
  readonly upstream: ScriptedUpstream;
  readonly configFile: string;
  readonly tokenDirectory: string;
  /** Where the account of `login` belongs. */
  readonly tokenFile: string;
  /** Writes the configuration anew, with these keys over the usual ones. */
  configure(keys?: object): Promise<void>;
  readToken(file?: string): Promise<Record<string, unknown>>;
  writeToken(fields: unknown, file?: string): Promise<void>;
  run(args: readonly string[], options?: HereOptions): Promise<Finished>;
  start(args: readonly string[], options?: HereOptions): Talk;
  /** In a process of its own. */
  runBinary(args: readonly string[], options?: RunOptions): Promise<Finished>;
  startBinary(args: readonly string[], options?: RunOptions): Conversation;
  close(): Promise<void>;
}

/** `client_id` is in the configuration; the provider's client is public unless it is given a secret. */
export async function openWorkplace(options: OpenIdProviderOptions = {}): Promise<Workplace> {
  const provider = await startOpenIdProvider(options);
  const upstream = await startScriptedUpstream();
  const { path: directory, remove } = await temporaryDirectory();
  const configFile = join(directory, 'config.json');
  const tokenDirectory = join(directory, 'tokens');
  const tokenFile = join(tokenDirectory, login);
  await mkdir(tokenDirectory);
  const endpoints = {
    authorization_endpoint: provider.authorizationEndpoint,
    device_authorization_endpoint: provider.deviceAuthorizationEndpoint,
    token_endpoint: provider.tokenEndpoint,
    scope: 'openid offline_access smtp',
    smtp: { host: '127.0.0.1', port: upstream.port, tls: 'none' },
  };
  const named = <Options extends RunOptions | HereOptions>(options?: Options) => ({
    ...(options as Options),
    env: { MAILBEARER_CONFIG: configFile, ...options?.env },
  });
  const place: Workplace = {
    directory,
    provider,
    upstream,
    configFile,
    tokenDirectory,
    tokenFile,
    configure: (keys = {}) =>
      writeFile(
        configFile,
        JSON.stringify({
          client_id: provider.clientId,
          token_dir: tokenDirectory,
          providers: { gmail: endpoints, outlook: endpoints },
          ...keys,
        }),
      ),
    readToken: async (file = tokenFile) =>
      JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>,
    writeToken: (fields, file = tokenFile) =>
      writeFile(file, typeof fields === 'string' ? fields : JSON.stringify(fields), { mode: 0o600 }),
    run: (args, options) => runHere(args, named(options)),
    start: (args, options) => startHere(args, named(options)),
    runBinary: (args, options) => runBinary(args, named(options)),
    startBinary: (args, options) => startBinary(args, named(options)),
    async close() {
      await provider.close();
      await upstream.close();
      await remove();
    },
  };
  await place.configure();
  return place;
}
