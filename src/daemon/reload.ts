/**
 * Reads the configuration again: when it is asked for, and when the file, or one with a secret that it refers to, has
 * changed. What cannot be used is refused whole: the log says why, and the configuration in service stays.
 */
import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.js';
import type { Loaded } from '../config/parse.js';
import { type Clock, sleep } from '../core/clock.js';
import { AppError, toAppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { type DirectoryWatch, watchDirectories } from '../refresh/watch.js';

export interface ReloaderOptions {
  /** The configuration in service. */
  readonly config: Config;
  /** What `fingerprintOf` gave when that was read: a change since then is not missed. */
  readonly fingerprint: string;
  readonly load: () => Promise<Loaded>;
  /** Puts it in service; throws AppError when that cannot be done, and then nothing has changed. */
  readonly apply: (config: Config) => Promise<void>;
  /** Hears that a reload begins; and, when it is over, whether the configuration in service is the one on disk. */
  readonly onBegin: () => void;
  readonly onEnd: (isCurrent: boolean) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An editor that writes into the file itself is done by then, as a rule. */
const settleMs = 200;

export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #watch: DirectoryWatch;
  readonly #closing = new AbortController();
  #config: Config;
  /** Of the contents that were read last, whatever came of them. */
  #fingerprint: string;
  #running: Promise<void> | undefined;
  #wanted: 'no' | 'if-changed' | 'yes' = 'no';

  private constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#fingerprint = options.fingerprint;
    const { clock, logger } = options;
    this.#watch = watchDirectories({ clock, logger, onChange: () => this.#want('if-changed') });
  }

  /** Follows the files from now on. */
  static async start(options: ReloaderOptions): Promise<Reloader> {
    const reloader = new Reloader(options);
    await reloader.#follow();
    reloader.#want('if-changed');
    return reloader;
  }

  /** Whether it has changed or not: accounts and certificates that are named in it may have. */
  reload(): void {
    this.#want('yes');
  }

  /** Resolves when nothing more will be put in service. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#watch.close();
    await this.#running;
  }

  #want(what: 'if-changed' | 'yes'): void {
    if (this.#closing.signal.aborted) return;
    if (this.#wanted !== 'yes') this.#wanted = what;
    this.#running ??= this.#runUntilQuiet().finally(() => (this.#running = undefined));
  }

  async #runUntilQuiet(): Promise<void> {
    while (this.#wanted !== 'no' && !this.#closing.signal.aborted) {
      const wanted = this.#wanted;
      this.#wanted = 'no';
      const changed = await this.#settled().catch(() => false);
      if (!this.#closing.signal.aborted && (changed || wanted === 'yes')) await this.#reload();
    }
  }

  /** Waits until the files rest; true when they are others than before. */
  async #settled(): Promise<boolean> {
    let now = await fingerprintOf(this.#config);
    if (now === this.#fingerprint) return false;
    for (let before = ''; before !== now;) {
      before = now;
      await sleep(this.#options.clock, settleMs, this.#closing.signal);
      now = await fingerprintOf(this.#config);
    }
    return now !== this.#fingerprint;
  }

  async #reload(): Promise<void> {
    const { apply, logger, onBegin, onEnd } = this.#options;
    onBegin();
    try {
      const { config, warnings } = await this.#load();
      // No file at all is what a service may start with, but not what is meant by a file that has gone.
      if (config.source === undefined && this.#config.source !== undefined)
        throw new AppError('config-unreadable', `the configuration ${this.#config.source} is gone`, {
          hint: 'put it back, or restart serve to go on without one',
        });
      await apply(config);
      this.#config = config;
      await this.#follow();
      for (const warning of warnings) logger.warn({ config: config.source }, warning);
      logger.info({ config: config.source ?? 'none' }, 'configuration reloaded');
      onEnd(true);
    } catch (error) {
      const { code, hint, message } = toAppError(error);
      logger.error({ code, hint }, `configuration refused, the one before stays in service: ${message}`);
      onEnd(false);
    }
  }

  /** With the fingerprint of what was there before it was read, so that a change since then shows as one. */
  async #load(): Promise<Loaded> {
    for (let before = this.#config; ;) {
      this.#fingerprint = await fingerprintOf(before);
      const loaded = await this.#options.load();
      if (isDeepStrictEqual(filesOf(loaded.config), filesOf(before))) return loaded;
      before = loaded.config;
    }
  }

  async #follow(): Promise<void> {
    const files = filesOf(this.#config);
    const targets = await Promise.all(files.map((file) => realpath(file).catch(() => file)));
    await this.#watch.follow(new Set([...files, ...targets].map((file) => dirname(file))));
  }
}

function filesOf({ secretFiles, source }: Config): readonly string[] {
  return [...new Set([...(source === undefined ? [] : [source]), ...secretFiles])];
}

/** Of the contents of the files that a configuration was read from. */
export async function fingerprintOf(config: Config): Promise<string> {
  const hash = createHash('sha256');
  for (const file of filesOf(config)) {
    const content = await readFile(file).catch(() => undefined);
    hash.update(content === undefined ? 'none;' : `${content.length};`).update(content ?? '');
  }
  return hash.digest('base64');
}
