/**
 * Keeps one account within what its provider allows: sessions at once, messages and logins a minute. Rather than
 * provoke 432 or 454 and a lock-out, a message waits its turn here; only a few may wait, and not for long, so
 * that the submitting client, which has time-outs of its own, keeps the others. Accounts know nothing of each other.
 */
import { type Clock, sleep, type Timer } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import type { Pace } from '../providers/provider.js';
import type { RelayFigures } from './figures.js';
import { RateWindow } from './rate-window.js';

const minuteMs = 60_000;
/** Client sessions that may wait for one account; the next is told to come back. */
const mostWaiting = 4;
/** Below the five minutes that clients wait for a reply to MAIL, with room for a refresh and a new session. */
const longestWaitMs = 60_000;

/** What one of several machines may do of it; never nothing. */
export function shareOf(pace: Pace, share: number): Pace {
  const part = (whole: number) => Math.max(1, Math.floor(whole * share));
  const { loginsPerMinute, messagesPerMinute, sessions } = pace;
  return {
    sessions: part(sessions),
    messagesPerMinute: messagesPerMinute && part(messagesPerMinute),
    loginsPerMinute: loginsPerMinute && part(loginsPerMinute),
  };
}

/** Who comes to a turnstile. */
export interface Guest {
  /** Whether it is still there; who has left makes room for others. */
  readonly isWanted: boolean;
}

/** A login that is wanted. */
export interface LoginWish {
  readonly asker: Guest;
  /** How long its message has waited for its turn. */
  readonly waitedMs: number;
  /** Whether it is in the place of a session that was lost: nobody sends it away for those who wait. */
  readonly replaces: boolean;
}

/** Sessions of the account in one configuration; another one may need their room. */
export interface IdleHome {
  /** Has one that is idle leave; false when there is none. */
  quitIdle(): boolean;
}

interface Waiter {
  readonly guest: Guest;
  readonly resolve: () => void;
  readonly reject: (error: AppError) => void;
  readonly timer: Timer;
  /** On the monotonic clock. */
  readonly since: number;
}

/**
 * The turnstile of one account: `enter` before each message, `leave` when its session is free again, `logIn` before
 * each login in between.
 */
export class Turnstile {
  readonly #clock: Clock;
  /** Of upstream, those that are being opened too, whoever holds them. */
  connections = 0;
  #pace: Pace;
  #messages: RateWindow | undefined;
  #logins: RateWindow | undefined;
  readonly #figures: Pick<RelayFigures, 'waits' | 'waitsGivenUp'>;
  /** For their turn; those who are inside may have to wait for a login. */
  readonly #waiting: Waiter[] = [];
  readonly #awaitingLogin = new Set<Guest>();
  /** Where connections are kept that nobody needs now. */
  readonly homes = new Set<IdleHome>();
  #inside = 0;
  /** Opens when the rate allows the first in line. */
  #opening: Timer | undefined;

  constructor(pace: Pace, clock: Clock, figures: Pick<RelayFigures, 'waits' | 'waitsGivenUp'>) {
    this.#figures = figures;
    this.#clock = clock;
    this.#pace = pace;
    this.#messages = windowOf(pace.messagesPerMinute);
    this.#logins = windowOf(pace.loginsPerMinute);
  }

  /** Other limits from now on; whoever is inside, and what the last minute had, counts on. */
  repace(pace: Pace): void {
    this.#pace = pace;
    this.#messages = windowOf(pace.messagesPerMinute, this.#messages);
    this.#logins = windowOf(pace.loginsPerMinute, this.#logins);
    this.#letIn();
  }

  /** Whether the account has fewer connections than it may. */
  get hasRoom(): boolean {
    return this.connections < this.#pace.sessions;
  }

  /** Sessions that are idle leave for one that is to be opened: never one more than the provider allows. */
  makeRoom(): void {
    for (const home of this.homes) while (!this.hasRoom && home.quitIdle());
  }

  /**
   * Resolves when another message may go; undefined means at once. Rejects with AppError account-busy when too
   * many wait already, or it took too long.
   */
  enter(guest: Guest): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#admits()) {
      this.#admit();
      return undefined;
    }
    this.#refuseCrowd();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(longestWaitMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(this.#busy(`a message waited ${longestWaitMs / 1000} seconds for it`));
      });
      const waiter = { guest, resolve, reject, timer, since: this.#clock.monotonic() };
      this.#waiting.push(waiter);
      this.#openLater();
    });
  }

  /** How many wait, for their turn or for a login. */
  get waiting(): number {
    return this.#waiting.length + [...this.#awaitingLogin].filter(({ isWanted }) => isWanted).length;
  }

  leave(): void {
    this.#inside--;
    this.#letIn();
  }

  /**
   * Resolves when another login may be made, which is counted; undefined means at once. Throws AppError account-busy
   * when too many wait already, or it would take too long.
   */
  logIn({ asker, replaces, waitedMs }: LoginWish, signal: AbortSignal): Promise<void> | undefined {
    const now = this.#clock.monotonic();
    const delayMs = this.#logins?.delayMs(now) ?? 0;
    if (delayMs > 0 && !replaces) this.#refuseCrowd();
    if (delayMs > 0 && waitedMs + delayMs > longestWaitMs) {
      throw this.#busy('it has signed in as often as it may');
    }
    this.#logins?.count(now + delayMs);
    if (delayMs === 0) return undefined;
    this.#awaitingLogin.add(asker);
    return sleep(this.#clock, delayMs, signal).finally(() => void this.#awaitingLogin.delete(asker));
  }

  #admits(): boolean {
    if (this.#inside >= this.#pace.sessions) return false;
    return (this.#messages?.delayMs(this.#clock.monotonic()) ?? 0) === 0;
  }

  #admit(): void {
    this.#inside++;
    this.#messages?.count(this.#clock.monotonic());
  }

  #letIn(): void {
    if (this.#waiting.length > 0) this.#dismissAbsent();
    while (this.#waiting.length > 0 && this.#admits()) {
      const waiter = this.#waiting.shift()!;
      waiter.timer.cancel();
      this.#admit();
      this.#figures.waits.add(this.#clock.monotonic() - waiter.since);
      waiter.resolve();
    }
    this.#openLater();
  }

  #refuseCrowd(): void {
    if (this.waiting >= mostWaiting) this.#dismissAbsent();
    if (this.waiting >= mostWaiting) throw this.#busy('as many messages wait for it as may');
  }

  #dismissAbsent(): void {
    for (const waiter of this.#waiting.filter(({ guest }) => !guest.isWanted)) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.timer.cancel();
      waiter.reject(this.#busy('whoever waited for it has left'));
    }
  }

  /** The rate, unlike a session that is left, tells nobody when it allows more. */
  #openLater(): void {
    if (this.#opening !== undefined || this.#waiting.length === 0) return;
    const delay = this.#messages?.delayMs(this.#clock.monotonic()) ?? 0;
    if (delay === 0) return;
    this.#opening = this.#clock.setTimer(delay, () => {
      this.#opening = undefined;
      this.#letIn();
    });
  }

  #busy(why: string): AppError {
    this.#figures.waitsGivenUp++;
    return new AppError('account-busy', `the account has all that its provider allows, and ${why}`, {
      hint: 'lower the concurrency of the submitting program: see "Concurrency" in the README',
    });
  }
}

function windowOf(perMinute: number | undefined, before?: RateWindow): RateWindow | undefined {
  if (perMinute === undefined) return undefined;
  return before?.withLimit(perMinute) ?? new RateWindow(perMinute, minuteMs);
}
