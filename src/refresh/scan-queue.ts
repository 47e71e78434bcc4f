/** What is to be looked at anew: some of the accounts, or all. One look at a time; what changes meanwhile is in the next. */

export type Changed = 'all' | ReadonlySet<string>;

export class ScanQueue {
  readonly #scan: (changed: Changed) => Promise<void>;
  #changed: Changed = new Set();
  #scanning: Promise<void> | undefined;
  #closed = false;

  constructor(scan: (changed: Changed) => Promise<void>) {
    this.#scan = scan;
  }

  /** Resolves when that, and all that was added meanwhile, was looked at; rejects when it could not be. By default all is. */
  add(changed?: Iterable<string>): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#changed =
      changed === undefined || this.#changed === 'all' ? 'all' : new Set([...this.#changed, ...changed]);
    return (this.#scanning ??= this.#scanUntilQuiet().finally(() => (this.#scanning = undefined)));
  }

  /** Nothing more is looked at. Resolves when a look under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#scanning?.catch(() => undefined);
  }

  async #scanUntilQuiet(): Promise<void> {
    while ((this.#changed === 'all' || this.#changed.size > 0) && !this.#closed) {
      const changed = this.#changed;
      this.#changed = new Set();
      await this.#scan(changed);
    }
  }
}
