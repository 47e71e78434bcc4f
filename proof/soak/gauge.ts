/** What a daemon takes, from outside: the kernel's figures of its process, and its own metrics. */
import { readdir, readFile } from 'node:fs/promises';
import { get } from './http.js';
import type { Rest, Sample } from './verdict.js';

export class Gauge {
  readonly #pid: number;
  readonly #statusPort: number;

  constructor(pid: number, statusPort: number) {
    this.#pid = pid;
    this.#statusPort = statusPort;
  }

  /** Metric, with its labels as they are printed, to value. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const { body } = await get(this.#statusPort, '/metrics');
    const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => {
        const end = line.lastIndexOf(' ');
        return [line.slice(0, end), Number(line.slice(end + 1))];
      }),
    );
  }

  async rest(): Promise<Rest> {
    const metrics = await this.metrics();
    return {
      rssBytes: await this.#rssBytes(),
      descriptors: (await readdir(`/proc/${this.#pid}/fd`)).length,
      resources: metrics.get('nodejs_active_resources_total') ?? NaN,
    };
  }

  /** The delay is that since the last time. */
  async sample(): Promise<Sample> {
    const metrics = await this.metrics();
    const delaySeconds = metrics.get('nodejs_eventloop_lag_p99_seconds') ?? NaN;
    return { rssBytes: await this.#rssBytes(), delayMs: delaySeconds * 1000 };
  }

  /** Whether nothing is left of the load but what the daemon keeps for itself. */
  async isQuiet(): Promise<boolean> {
    const metrics = await this.metrics();
    const names = ['mailbearer_client_sessions', 'mailbearer_messages_waiting'];
    const states = ['busy', 'idle', 'opening'].map(
      (state) => `mailbearer_upstream_sessions{state="${state}"}`,
    );
    return [...names, ...states].every((name) => metrics.get(name) === 0);
  }

  async #rssBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.#pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }
}
