/** What the daemon lets be seen of itself: everything that is shown over HTTP is read from here, when it is asked for. */
import type { Clock } from '../core/clock.js';
import type { AppError } from '../core/errors.js';
import type { Roster } from '../refresh/roster.js';
import type { RelayFigures } from '../relay/figures.js';
import type { SessionFacts } from '../relay/session-facts.js';
import type { UpstreamPool } from '../relay/pool.js';
import type { BeginSignIn } from './sign-in-desk.js';
import type { SocketmapFigures } from '../socketmap/figures.js';
import type { RefreshFigures } from './refresh-figures.js';

export interface StatusSource {
  readonly clock: Clock;
  readonly version: string;
  readonly nameAccounts: boolean;
  readonly roster: Pick<Roster, 'accounts' | 'signInOf'>;
  /** Where the accounts are, with why it cannot be used now; undefined: in files. */
  database(): { readonly problem: AppError | undefined } | undefined;
  readonly figures: RelayFigures;
  readonly refreshes: RefreshFigures;
  /** Of the socketmap. */
  readonly questions: SocketmapFigures;
  readonly pool: Pick<UpstreamPool, 'occupancy' | 'occupancyOf' | 'refusalOf'>;
  /** Of clients, as they are now. */
  sessions(): readonly SessionFacts[];
  /** Undefined where no browser can be sent back here: on a socket in a directory. */
  readonly beginSignIn: BeginSignIn | undefined;
  /** Whether it listens for mail and knows the tokens; not before, and not once it stops. */
  isReady(): boolean;
}
