/**
 * Keeps the accounts in step with a database: looks at those that it says were changed, and at all when it is there again
 * after it was not. Knows whether it is: while it cannot be listened to, or what it holds cannot be read, that is tried
 * again and again, and there may be accounts that nobody here knows of.
 */
import type { Clock, Timer } from '../core/clock.js';
import { type AppError, toAppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { AccountDatabase } from '../tokens/postgres/accounts.js';
import type { DirectoryWatch } from './watch.js';

export interface DatabaseWatchOptions {
  readonly database: AccountDatabase;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Looks at the accounts of these names, or at all. Rejects when that cannot be done. */
  readonly look: (names?: readonly string[]) => Promise<void>;
}

export interface DatabaseWatch extends DirectoryWatch {
  /** Why there may be accounts that are not known; undefined when all is well. */
  readonly problem: AppError | undefined;
}

const lookEveryMs = 15_000;

export function watchDatabase({ clock, database, logger, look }: DatabaseWatchOptions): DatabaseWatch {
  let problem: AppError | undefined;
  let told: string | undefined;
  let listens = false;
  let closed = false;
  let timer: Timer | undefined;

  const lost = (failure: AppError) => {
    if (closed) return;
    const { code, hint, message } = failure;
    problem = failure;
    if (told !== code)
      logger.warn(
        { code, hint },
        `${message}; known tokens are used until they expire, and other mail is deferred`,
      );
    told = code;
    timer?.cancel();
    timer = clock.setTimer(lookEveryMs, () => void lookAtAll(), { unref: true });
  };
  const wellAgain = () => {
    timer?.cancel();
    problem = undefined;
    if (told !== undefined) logger.info({}, `${database.name} answers again`);
    told = undefined;
  };
  /** Other sessions than the one that listens may work. */
  const lookAtAll = async () => {
    if (closed) return;
    try {
      await look();
      if (listens) wellAgain();
      else if (problem !== undefined) lost(problem);
    } catch (error) {
      lost(toAppError(error));
    }
  };
  if (database.awaited !== undefined) lost(database.awaited);
  database.watch({
    onChange: (names) => {
      if (!closed) look(names).catch((error: unknown) => lost(toAppError(error)));
    },
    async onReturn() {
      if (closed) return;
      await look();
      listens = true;
      wellAgain();
    },
    onLost(failure) {
      listens = false;
      lost(failure);
    },
  });
  return {
    get problem() {
      return problem;
    },
    follow: () => Promise.resolve(),
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
