/** The status server in service, and how another one, by other settings, takes its place. */
import { isDeepStrictEqual } from 'node:util';
import type { StatusSettings } from '../config/status.js';
import type { Status } from './status.js';

/** Another one that is open already; either is called, once. */
export interface StatusExchange {
  /** From now on it serves alone. */
  commit(): Promise<void>;
  /** All is as it was before. */
  cancel(): Promise<void>;
}

type Open = (settings: StatusSettings | undefined) => Promise<Status | undefined>;

export class StatusService {
  readonly #open: Open;
  #settings: StatusSettings | undefined;
  #status: Status | undefined;

  constructor(open: Open) {
    this.#open = open;
  }

  /** Throws as `open` does. It is not ready yet. */
  async start(settings: StatusSettings | undefined): Promise<void> {
    this.#status = await this.#open(settings);
    this.#settings = settings;
  }

  /** Throws as `open` does, and then nothing has changed. */
  async exchange(settings: StatusSettings | undefined): Promise<StatusExchange> {
    if (isDeepStrictEqual(settings, this.#settings)) return { commit: nothing, cancel: nothing };
    const last = this.#status;
    // Two cannot listen in one place.
    const takesPlace = isDeepStrictEqual(settings?.listen, this.#settings?.listen);
    if (takesPlace) await last?.close();
    const restore = async () => {
      if (!takesPlace) return;
      await this.start(this.#settings);
      this.ready(true);
    };
    const next = await this.#open(settings).catch(async (error: unknown) => {
      await restore();
      throw error;
    });
    return {
      commit: async () => {
        this.#status = next;
        this.#settings = settings;
        this.ready(true);
        if (!takesPlace) await last?.close();
      },
      cancel: async () => {
        await next?.close();
        await restore();
      },
    };
  }

  ready(is: boolean): void {
    this.#status?.ready(is);
  }

  async close(): Promise<void> {
    await this.#status?.close();
  }
}

const nothing = () => Promise.resolve();
