/** One `mailbearer serve` of a fleet, with a state directory of its own, as on a machine of its own. It is killed, and started again. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, type RunningProgram, startProgram } from '../../test/support/process.js';

export interface DaemonOptions {
  /** mailbearer's executable. */
  readonly program: string;
  readonly directory: string;
  readonly config: object;
}

export class FleetDaemon {
  readonly faults: string[] = [];
  kills = 0;
  #life: RunningProgram | undefined;
  #ready = false;

  private constructor(
    readonly port: number,
    private readonly command: readonly string[],
    private readonly state: string,
  ) {}

  static async start({ config, directory, program }: DaemonOptions): Promise<FleetDaemon> {
    const port = await freePort();
    await mkdir(directory);
    const file = join(directory, 'config.json');
    await writeFile(file, JSON.stringify({ ...config, relay: { listen: `127.0.0.1:${port}` } }));
    const daemon = new FleetDaemon(port, [program, 'serve', '--config-file', file], join(directory, 'state'));
    await daemon.#begin();
    return daemon;
  }

  get isReady(): boolean {
    return this.#ready;
  }

  get pid(): number | undefined {
    return this.#life?.pid;
  }

  /** Resolves when the next one is ready. `onKill` hears of the moment. */
  async die(onKill: () => void): Promise<void> {
    const life = this.#life;
    if (!this.#ready || life === undefined) return;
    this.#ready = false;
    this.#life = undefined;
    this.kills++;
    life.signal('SIGKILL');
    onKill();
    await life.exited;
    await this.#begin();
  }

  async stop(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    await life?.stop();
  }

  /** Without a database it does not start, and is started again, as a service is. */
  async #begin(): Promise<void> {
    for (;;) {
      const life = startProgram(process.execPath, this.command, {
        name: 'mailbearer serve',
        env: { PATH: process.env['PATH'], HOME: '/nonexistent', STATE_DIRECTORY: this.state },
      });
      this.#life = life;
      try {
        await life.waitForOutput(/"msg":"ready"/);
        this.#ready = true;
        void this.#watch(life);
        return;
      } catch {
        const { code } = await life.stop();
        if (code === 69) continue;
        this.faults.push(`a daemon does not start (${code}): ${life.output().slice(-500)}`);
        return;
      }
    }
  }

  async #watch(life: RunningProgram): Promise<void> {
    const { code, signal } = await life.exited;
    if (this.#life !== life) return;
    this.#ready = false;
    this.faults.push(`a daemon ended on its own (${code ?? signal}): ${life.output().slice(-500)}`);
  }
}
