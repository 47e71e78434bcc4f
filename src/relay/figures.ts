/**
 * What the relay counts of itself, as plain numbers that whoever looks reads: counting must cost a message next to
 * nothing, so there are no events, labels or look-ups. What was counted is never taken back.
 */
import { Distribution } from '../core/distribution.js';
import type { MessageFacts } from './message-log.js';

/** Milliseconds: from a message in a kept session to one that waited its turn for minutes. */
const latencyBoundsMs = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 240_000];

/** What became of the messages of one account. */
export class MessageCounts {
  sent = 0;
  deferred = 0;
  refused = 0;
  cutOff = 0;
  /** Of messages sent, as sent upstream. */
  octets = 0;
}

/** A message that was answered. */
export interface RecentMessage {
  /** Milliseconds since the epoch. */
  at: number;
  facts: MessageFacts;
}

const recentMessages = 50;

export class RelayFigures {
  /** From MAIL to the last reply. */
  readonly messages = new Distribution(latencyBoundsMs);
  /** From the connection to the upstream's consent to AUTH. */
  readonly logins = new Distribution(latencyBoundsMs);
  /** For a turn at an account that had all that its provider allows. */
  readonly waits = new Distribution(latencyBoundsMs);
  /** Replies of upstream servers to commands and messages, by the first digit of their code. */
  readonly replies = [0, 0, 0, 0, 0, 0];
  clientSessions = 0;
  clientSessionsEnded = 0;
  clientsTurnedAway = 0;
  loginsFailed = 0;
  /** Tokens that a server refused and that were renewed for another attempt. */
  authRetries = 0;
  waitsGivenUp = 0;
  readonly #byAccount = new Map<string, MessageCounts>();
  readonly #recent: RecentMessage[] = [];
  #next = 0;

  /** The same for as long as the process runs: look it up once. `undefined` for senders without an account. */
  countsOf(account: string | undefined): MessageCounts {
    const name = account ?? '';
    const known = this.#byAccount.get(name);
    if (known !== undefined) return known;
    const counts = new MessageCounts();
    this.#byAccount.set(name, counts);
    return counts;
  }

  /** By the account's name, "" for senders without one. */
  get byAccount(): ReadonlyMap<string, MessageCounts> {
    return this.#byAccount;
  }

  /** The places are used again, so that remembering allocates nothing. */
  remember(at: number, facts: MessageFacts): void {
    const place = this.#recent[this.#next];
    if (place === undefined) this.#recent[this.#next] = { at, facts };
    else {
      place.at = at;
      place.facts = facts;
    }
    this.#next = (this.#next + 1) % recentMessages;
  }

  /** The last ones, newest first, as they are now. */
  get recent(): readonly Readonly<RecentMessage>[] {
    return [...this.#recent.slice(this.#next), ...this.#recent.slice(0, this.#next)].toReversed();
  }
}
