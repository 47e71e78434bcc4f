/**
 * `mailbearer serve` as a child process that does not live long: killed with SIGKILL every now and then, and started
 * again at once. A relay that ends on its own is a fault.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type RunningProgram, startProgram } from '../../test/support/process.js';
import type { Kill } from './ledger.js';

/** The account of all mail. */
export const sender = 'storm@storm.test';

export interface RelayOptions {
  /** mailbearer's executable. */
  readonly program: string;
  readonly directory: string;
  /** Where the sink listens. */
  readonly sinkPort: number;
}

export class MortalRelay {
  readonly port: number;
  readonly kills: Kill[] = [];
  readonly faults: string[] = [];
  readonly #command: readonly string[];
  #life: RunningProgram | undefined;

  private constructor(port: number, command: readonly string[]) {
    this.port = port;
    this.#command = command;
  }

  /** Writes the configuration and starts the first one. */
  static async start({ program, directory, sinkPort }: RelayOptions): Promise<MortalRelay> {
    const port = await freePort();
    const tokens = join(directory, 'tokens');
    await mkdir(tokens);
    const tenDays = 10 * 86_400;
    const expiry = String(Math.floor(Date.now() / 1000) + tenDays);
    const token = { access_token: 'storm', refresh_token: 'unused', expiry };
    await writeFile(join(tokens, sender), JSON.stringify(token), { mode: 0o600 });
    const config = {
      client_id: 'storm',
      // Nothing listens there: no token is refreshed.
      token_endpoint: 'http://127.0.0.1:1/token',
      token_dir: tokens,
      accounts: { [sender]: { smtp: { host: '127.0.0.1', port: sinkPort, tls: 'none' } } },
      relay: { listen: `127.0.0.1:${port}` },
    };
    const configFile = join(directory, 'config.json');
    await writeFile(configFile, JSON.stringify(config));
    const relay = new MortalRelay(port, [program, 'serve', '--config-file', configFile]);
    await relay.#begin();
    return relay;
  }

  /** Kills each one `lifeMs` after it was ready, until `signal` is aborted; one lives on then. */
  async dieRepeatedly(lifeMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(lifeMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await this.#kill();
    }
  }

  async stop(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    await life?.stop();
  }

  async #kill(): Promise<void> {
    const life = this.#life;
    const from = performance.now();
    this.#life = undefined;
    life?.signal('SIGKILL');
    await life?.exited;
    this.kills.push({ from, to: performance.now() });
    await this.#begin();
  }

  async #begin(): Promise<void> {
    const life = startProgram(process.execPath, this.#command, { name: 'mailbearer serve' });
    this.#life = life;
    const watch = async () => {
      const { code, signal } = await life.exited;
      if (this.#life === life)
        this.faults.push(`the relay ended on its own (${code ?? signal}): ${life.output()}`);
    };
    void watch();
    await life.waitForOutput(/ready/);
  }
}
