/**
 * The socketmap of the configuration in service. Another configuration's is opened before anything else changes, and the
 * one before is closed after; where the place is the same, it stays open.
 */
import { isDeepStrictEqual } from 'node:util';
import type { SocketmapSettings } from '../config/socketmap.js';
import type { Logger } from '../core/logger.js';
import { type SocketmapOptions, SocketmapServer } from '../socketmap/server.js';

interface Open {
  readonly settings: SocketmapSettings;
  readonly server: SocketmapServer;
}

export interface Prepared {
  /** From now on it is the one in service. */
  take(): void;
  /** As if nothing had been prepared. */
  drop(): Promise<void>;
}

export class SocketmapKeeper {
  readonly #options: SocketmapOptions;
  readonly #logger: Logger;
  #present: Open | undefined;

  constructor(options: SocketmapOptions) {
    this.#options = options;
    this.#logger = options.logger;
  }

  /** Throws AppError listen-failed or config-invalid. */
  async prepare(settings: SocketmapSettings | undefined): Promise<Prepared> {
    const before = this.#present;
    if (settings !== undefined && isDeepStrictEqual(settings.listen, before?.settings.listen)) {
      if (settings.group !== before?.settings.group) await SocketmapServer.admit(settings);
      const take = () => void (this.#present = before && { ...before, settings });
      return {
        take,
        drop: () => (before === undefined ? Promise.resolve() : SocketmapServer.admit(before.settings)),
      };
    }
    const next = settings && { settings, server: await SocketmapServer.start(settings, this.#options) };
    return {
      take: () => {
        this.#present = next;
        if (next !== undefined) this.#logger.info({ where: next.server.where }, 'answering Postfix');
        if (before !== undefined)
          this.#logger.info({ where: before.server.where }, 'no longer answering Postfix');
        void before?.server.close();
      },
      drop: async () => next?.server.close(),
    };
  }

  async close(): Promise<void> {
    await this.#present?.server.close();
  }
}
