/**
 * `mailbearer serve` as an administrator runs it: a configuration file, token files in the layout of sasl-xoauth2,
 * the built program as a child process, and Debian's Postfix with the relay for its relayhost. What is in the files
 * is each test's to say.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Postfix, startPostfix } from '../support/postfix.js';
import { freePort, type RunningProgram, startProgram } from '../support/process.js';
import { binaryPath } from '../support/run-binary.js';
import type { MailService } from './mail-service.js';
import { obtainTokens, type Tokens } from './sign-in.js';
import { teardown } from './teardown.js';

export interface Relay {
  readonly port: number;
  readonly configFile: string;
  /** Writes the token file of an account, as sasl-xoauth2 does: whole, under its name at once. */
  writeToken(account: string, content: TokenFile): Promise<void>;
  readToken(account: string): Promise<TokenFile>;
  /** Someone signs in, and the token file is what the plugin keeps of it. */
  signIn(...accounts: readonly string[]): Promise<void>;
  /** Starts the program and waits until it listens; it ends with the test's teardown. */
  start(): Promise<RunningProgram>;
}

/** All values are strings, the epoch seconds of `expiry` too. */
export type TokenFile = Readonly<Record<string, string>>;

export interface RelayOptions {
  /** Where it listens, unless the configuration says otherwise; by default any free port. */
  readonly port?: number;
  /** The `accounts` of the configuration; by default the service's, with its provider. */
  readonly accounts?: Readonly<Record<string, object>>;
  /** Top-level keys of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Writes the configuration: one provider, whose name is `corp` and whose endpoints are the service's. */
export async function prepareRelay(service: MailService, options: RelayOptions = {}): Promise<Relay> {
  const port = options.port ?? (await freePort());
  const tokenDirectory = join(service.directory, 'tokens');
  const configFile = join(service.directory, 'config.json');
  await mkdir(tokenDirectory, { recursive: true });
  const config = {
    client_id: service.provider.clientId,
    client_secret: service.provider.clientSecret,
    token_dir: tokenDirectory,
    providers: {
      corp: {
        token_endpoint: service.provider.tokenEndpoint,
        smtp: { host: 'localhost', port: service.server.port, tls: 'starttls' },
        ca_bundle_file: service.authority.certificateFile,
      },
    },
    accounts:
      options.accounts ?? Object.fromEntries(service.accounts.map((name) => [name, { provider: 'corp' }])),
    relay: { listen: `127.0.0.1:${port}` },
    ...options.config,
  };
  await writeFile(configFile, JSON.stringify(config, undefined, 2));

  const relay: Relay = {
    port,
    configFile,
    async writeToken(account, content) {
      const file = join(tokenDirectory, account);
      // The plugin's own name for it: FILE.PID.MILLISECONDS.
      const temporary = `${file}.${process.pid}.${Date.now()}`;
      await writeFile(temporary, JSON.stringify(content), { mode: 0o600 });
      await rename(temporary, file);
    },
    async readToken(account) {
      return JSON.parse(await readFile(join(tokenDirectory, account), 'utf8')) as TokenFile;
    },
    async signIn(...accounts) {
      for (const account of accounts)
        await relay.writeToken(account, tokenFileOf(await obtainTokens(service.provider, account)));
    },
    async start() {
      const args = [binaryPath, 'serve', '--config-file', configFile];
      const program = teardown.add(startProgram(process.execPath, args, { name: 'mailbearer serve' }));
      await program.waitForOutput(/ready/);
      return program;
    },
  };
  return relay;
}

/** A Postfix that hands its mail to the relay, when its main.cf lines say so. */
export async function startClient(service: MailService, mainCf: string): Promise<Postfix> {
  const directory = join(service.directory, 'client');
  return teardown.add(await startPostfix(directory, `myhostname = client.test\n${mainCf}`));
}

/** What sasl-xoauth2 keeps after a refresh. */
function tokenFileOf(tokens: Tokens): TokenFile {
  const expiresAt = Math.floor(Date.now() / 1000) + tokens.expiresInSeconds;
  return {
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    expiry: String(expiresAt),
  };
}

/** The same with an access token that has expired: nothing can be sent before a refresh. */
export function expiredTokenFileOf(tokens: Tokens): TokenFile {
  return { access_token: 'expired-long-ago', refresh_token: tokens.refreshToken, expiry: '0' };
}
