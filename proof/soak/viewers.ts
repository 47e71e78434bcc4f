/** People who look at the status page for a moment, with its events, and leave in one way or another. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.js';
import { begin, get } from './http.js';

export interface ViewerOptions {
  readonly port: number;
  readonly keyFile: string;
  readonly signal: AbortSignal;
}

export class Viewers {
  visits = 0;
  readonly #options: ViewerOptions;

  constructor(options: ViewerOptions) {
    this.#options = options;
  }

  /** Comes again and again, until the signal. */
  async look(random: Random): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      await this.#visit(random);
      this.visits++;
      await sleep(random.between(0, 300), undefined, { signal }).catch(() => undefined);
    }
  }

  async #visit(random: Random): Promise<void> {
    const { keyFile, port, signal } = this.#options;
    const authorization = `Bearer ${(await readFile(keyFile, 'utf8')).trim()}`;
    const issued = await get(port, '/ticket', { method: 'POST', headers: { authorization } });
    const { ticket } = JSON.parse(issued.body) as { ticket: string };
    const entered = await get(port, `/enter?ticket=${ticket}`);
    const [cookie = ''] = entered.headers['set-cookie']?.[0]?.split(';') ?? [];
    const headers = { cookie };
    for (const path of ['/', '/?state=needs-attention&q=a', '/status.json', '/status.json?limit=1']) {
      const { status } = await get(port, path, { headers });
      if (status !== 200) throw new Error(`${path} of the status page: ${status}`);
    }
    const events = await begin(port, `/events${random.chance(0.5) ? '' : '?state=fresh'}`, {
      headers,
    });
    events.on('error', () => undefined).resume();
    await sleep(random.between(100, 5000), undefined, { signal }).catch(() => undefined);
    events.destroy();
  }
}
