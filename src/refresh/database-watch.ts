/**
 * Tells of accounts that changed in a database: those that it names, or that any may have changed. While it can't be
 * listened to, that is asked now and then, for other sessions may work.
 */
import type { Clock, Timer } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { AccountDatabase } from '../tokens/postgres/accounts.js';
import type { DirectoryWatch } from './watch.js';

export interface DatabaseWatchOptions {
  readonly database: AccountDatabase;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of these, or of any. */
  readonly onChange: (names: readonly string[] | undefined) => void;
  /** It answers again, after it did not. */
  readonly onReturn: () => void;
}

const lookEveryMs = 60_000;

export function watchDatabase({
  clock,
  database,
  logger,
  onChange,
  onReturn,
}: DatabaseWatchOptions): DirectoryWatch {
  let timer: Timer | undefined;
  let lost = false;
  let closed = false;
  const lookLater = () => {
    timer?.cancel();
    const look = () => {
      onChange(undefined);
      lookLater();
    };
    timer = clock.setTimer(lookEveryMs, look, { unref: true });
  };
  database.watch({
    onChange: (names) => closed || onChange(names),
    onReturn() {
      if (closed) return;
      timer?.cancel();
      if (lost) logger.info({}, `${database.name} answers again`);
      if (lost) onReturn();
      else onChange(undefined);
      lost = false;
    },
    onLost({ hint, message }) {
      if (closed) return;
      lost = true;
      logger.warn({ hint }, `${message}; known tokens are used until they expire`);
      lookLater();
    },
  });
  return {
    follow: () => Promise.resolve(),
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
