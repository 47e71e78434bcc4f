/**
 * Whose turn it is at the few sessions with a database. Who holds a lease goes first: what a provider has answered must not
 * wait behind a thousand accounts that are due. When the database can't be reached, those who wait for no lease of
 * theirs are told at once, instead of finding out one after the other.
 */

interface Waiting {
  readonly begin: () => void;
  readonly giveUp: (error: unknown) => void;
}

export class Turns {
  readonly #most: number;
  readonly #urgent: Waiting[] = [];
  readonly #patient: Waiting[] = [];
  #taken = 0;

  /** @param most at a time */
  constructor(most: number) {
    this.#most = most;
  }

  /** Rejects as `work` does, or as `failWaiting` says. */
  async run<T>(urgent: boolean, work: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#most) this.#taken++;
    else
      // Whoever ends hands his turn on.
      await new Promise<void>((begin, giveUp) => {
        (urgent ? this.#urgent : this.#patient).push({ begin, giveUp });
      });
    try {
      return await work();
    } finally {
      const next = this.#urgent.shift() ?? this.#patient.shift();
      if (next === undefined) this.#taken--;
      else next.begin();
    }
  }

  failWaiting(error: unknown): void {
    for (const { giveUp } of this.#patient.splice(0)) giveUp(error);
  }
}
