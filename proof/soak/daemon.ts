/**
 * `mailbearer serve` as it runs for years: relay, status page, socketmap, accounts, a command for events. Its configuration is read
 * again and again, good or bad, and its token files are replaced, damaged, taken away and put back.
 */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  eventually,
  freePort,
  isListenedOn,
  type RunningProgram,
  startProgram,
} from '../../test/support/process.js';
import type { Random } from '../random.js';
import type { TokenDesk } from '../storm/token-desk.js';
import { writeToken } from '../storm/token-file.js';
import { get } from './http.js';

export const senders = Array.from({ length: 6 }, (_, number) => `sender${number}@soak.test`);

export interface DaemonOptions {
  /** mailbearer's executable. */
  readonly program: string;
  readonly directory: string;
  /** Where the sink listens, which speaks STARTTLS, and the authority of its certificate. */
  readonly sinkPort: number;
  readonly authorityFile: string;
  readonly tokenDesk: TokenDesk;
}

/** Of the log that is kept for whoever wants to know why it ended. */
const keptOctets = 65_536;
const longestPauseMs = 4_000;
const healMs = 1_500;

export class SoakedDaemon {
  readonly port: number;
  readonly statusPort: number;
  readonly keyFile: string;
  readonly socketmap: string;
  reloads = 0;
  changedFiles = 0;
  readonly #options: DaemonOptions;
  readonly #otherPort: number;
  readonly #life: RunningProgram;
  #stopping = false;

  private constructor(
    options: DaemonOptions,
    ports: readonly [number, number, number],
    life: RunningProgram,
  ) {
    [this.port, this.statusPort, this.#otherPort] = ports;
    this.#options = options;
    this.keyFile = keyFileIn(options.directory);
    this.socketmap = socketmapIn(options.directory);
    this.#life = life;
  }

  static async start(options: DaemonOptions): Promise<SoakedDaemon> {
    const { directory, program, tokenDesk } = options;
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    for (const name of ['tokens', 'state']) await mkdir(join(directory, name));
    for (const sender of senders)
      await writeToken(tokenFile(directory, sender), tokenDesk.firstToken(sender));
    await writeFile(configFile(directory), JSON.stringify(configuration(options, ports)));
    // The process of bash becomes the daemon's; whatever is logged, the end of it is kept.
    const command = ['-c', `exec "$@" 2> >(tail -c ${keptOctets})`, 'bash'];
    const serve = [process.execPath, program, 'serve', '--config-file', configFile(directory)];
    const life = startProgram('bash', [...command, ...serve], { name: 'mailbearer serve' });
    const daemon = new SoakedDaemon(options, ports, life);
    await eventually('serve to be ready', () => daemon.#readiness(), life.output);
    return daemon;
  }

  get pid(): number {
    return this.#life.pid;
  }

  /** Resolves with what it logged last when it ends without being asked to. */
  async died(): Promise<string> {
    const { code, signal } = await this.#life.exited;
    if (this.#stopping) return new Promise(() => undefined);
    return `serve ended on its own (${code ?? signal}): ${this.#life.output()}`;
  }

  /** By SIGHUP, by a changed file, or by both. */
  async reloadRepeatedly(random: Random, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(random, signal);
      const how = random.next();
      if (how < 0.1) await this.#configure('{ "relay": nonsense }');
      else if (how < 0.8) await this.#configure(JSON.stringify(this.#variant(random)));
      if (how > 0.5) this.#life.signal('SIGHUP');
      this.reloads++;
    }
  }

  async changeFilesRepeatedly(random: Random, signal: AbortSignal): Promise<void> {
    const { directory } = this.#options;
    while (!signal.aborted) {
      await pause(random, signal);
      const sender = random.pick(senders);
      const file = tokenFile(directory, sender);
      const how = random.next();
      if (how < 0.2) await writeFile(file, '{ "access_token": "half of');
      else if (how < 0.4) await rm(file, { force: true });
      else if (how < 0.6)
        await writeToken(tokenFile(directory, 'new@soak.test'), this.#tokenOf('new@soak.test'));
      this.changedFiles++;
      await sleep(random.between(0, healMs), undefined, { signal }).catch(() => undefined);
      await writeToken(file, this.#tokenOf(sender));
      await rm(tokenFile(directory, 'new@soak.test'), { force: true });
    }
  }

  /** As it began. */
  async restore(): Promise<void> {
    await this.#configure(JSON.stringify(configuration(this.#options, this.#ports)));
    this.#life.signal('SIGHUP');
    await eventually('the port of another configuration to close', async () =>
      (await isListenedOn(this.#otherPort)) ? undefined : true,
    );
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    // Not its group, of which whoever keeps the end of the log is a member.
    this.#life.signal('SIGTERM');
    await this.#life.exited;
  }

  get #ports(): readonly [number, number, number] {
    return [this.port, this.statusPort, this.#otherPort];
  }

  #tokenOf(sender: string): ReturnType<TokenDesk['firstToken']> {
    return this.#options.tokenDesk.firstToken(sender);
  }

  async #readiness(): Promise<true | undefined> {
    const answer = await get(this.statusPort, '/readyz').catch(() => undefined);
    return answer?.status === 200 ? true : undefined;
  }

  async #configure(text: string): Promise<void> {
    const file = configFile(this.#options.directory);
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  }

  #variant(random: Random): object {
    const common = configuration(this.#options, this.#ports);
    const listen = [this.port, ...(random.chance(0.5) ? [this.#otherPort] : [])];
    return {
      ...common,
      log_level: random.pick(['trace', 'info', 'warn']),
      relay: {
        listen: listen.map((port) => `127.0.0.1:${port}`),
        limits: { messages_per_session: random.between(2, 100), errors_per_session: random.between(5, 20) },
      },
    };
  }
}

function configuration(
  { authorityFile, directory, sinkPort, tokenDesk }: DaemonOptions,
  [port, statusPort]: readonly number[],
): object {
  const account = {
    smtp: { host: '127.0.0.1', port: sinkPort, tls: 'starttls' },
    ca_bundle_file: authorityFile,
  };
  return {
    client_id: 'soak',
    token_endpoint: tokenDesk.url,
    token_dir: join(directory, 'tokens'),
    state_dir: join(directory, 'state'),
    accounts: Object.fromEntries(senders.map((sender) => [sender, account])),
    relay: { listen: `127.0.0.1:${port}` },
    status: { listen: `127.0.0.1:${statusPort}`, key_file: keyFileIn(directory) },
    socketmap: { listen: `unix:${socketmapIn(directory)}`, group: String(process.getgid?.()) },
    on_event: 'cat > /dev/null',
  };
}

const configFile = (directory: string) => join(directory, 'config.json');
const socketmapIn = (directory: string) => join(directory, 'socketmap');
const keyFileIn = (directory: string) => join(directory, 'status-key');
const tokenFile = (directory: string, sender: string) => join(directory, 'tokens', sender);

async function pause(random: Random, signal: AbortSignal): Promise<void> {
  await sleep(random.between(200, longestPauseMs), undefined, { signal }).catch(() => undefined);
}
