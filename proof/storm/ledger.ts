/**
 * The storm's book-keeping: what was submitted, what arrived, and when the relay was killed. In the end it judges:
 * everything arrived, whole; nothing came twice but where the reply to the message was lost; nothing bounced.
 */
import type { SunkMessage } from '../sink.js';
import { examineMessage } from './message.js';
import { longestStallMs } from './mood.js';
import type { Attempts } from './postfix-log.js';

/** From the signal to the end of the process, by performance.now(). */
export interface Kill {
  readonly from: number;
  readonly to: number;
}

export interface Verdict {
  readonly faults: readonly string[];
  readonly deliveries: number;
  /** The sink had dropped the connection instead of replying. */
  readonly duplicatesByDrop: number;
  /** The relay was killed before it had passed the reply on. */
  readonly duplicatesByKill: number;
}

/** For the sink to notice that a connection has ended. */
const noticeMs = 200;

export class Ledger {
  readonly #expected = new Map<string, number>();
  readonly #accepted = new Map<string, SunkMessage[]>();
  readonly #faults: string[] = [];

  /** To be called before the message is handed to Postfix. */
  submitted(number: number, recipients: readonly string[]): void {
    for (const recipient of recipients) this.#expected.set(recipient, number);
  }

  /** Of all messages. */
  get recipients(): number {
    return this.#expected.size;
  }

  /** What becomes of the message's `answer` is read later, by `judge`. */
  received(message: SunkMessage): void {
    if (message.outcome === 'cut') return;
    const examined = examineMessage(message.data);
    const recipients = message.recipients.map((line) => /<(.*?)>/.exec(line)?.[1] ?? line);
    const what = `message ${examined?.number ?? '?'} for ${recipients.join(' ')}`;
    if (examined?.intact !== true) this.#faults.push(`${what} is not as it was submitted`);
    for (const recipient of recipients) {
      if (this.#expected.get(recipient) !== examined?.number)
        this.#faults.push(`${what} is not for ${recipient}`);
      if (message.outcome !== 'accepted') continue;
      this.#accepted.set(recipient, [...(this.#accepted.get(recipient) ?? []), message]);
    }
  }

  judge(attempts: Attempts, kills: readonly Kill[]): Verdict {
    const faults = [...this.#faults, ...attempts.bounces.map((line) => `bounced: ${line}`)];
    let deliveries = 0;
    let duplicatesByDrop = 0;
    let duplicatesByKill = 0;
    for (const [recipient, number] of this.#expected) {
      const what = `message ${number} for ${recipient}`;
      const accepted = this.#accepted.get(recipient) ?? [];
      const answers = accepted.map(({ id, answer }) => `${id} ${answer}`).join(', ');
      if (!accepted.some(({ answer }) => answer === 'given'))
        faults.push(`${what} was never acknowledged; replies: ${answers || 'none'}`);
      const duplicates = Math.max(0, accepted.length - 1);
      const dropped = accepted.filter(({ answer }) => answer === 'withheld').length;
      const byKill = Math.max(0, duplicates - dropped);
      // The sink knows which sessions a kill may have ended; Postfix knows whether it cost a reply.
      const killed = accepted.filter((message) => endedByKill(message, kills)).length;
      const failures = attempts.failuresAtEnd.get(recipient) ?? [];
      const lost = failures.filter(({ replyLost }) => replyLost).length;
      if (duplicates > failures.length || byKill > Math.min(killed, lost)) {
        const told = failures.map(({ text }) => text).join(', ');
        faults.push(`${what} arrived again; replies: ${answers}; killed: ${killed}; Postfix: ${told}`);
      }
      deliveries += accepted.length;
      duplicatesByKill += byKill;
      duplicatesByDrop += duplicates - byKill;
    }
    return { faults, deliveries, duplicatesByDrop, duplicatesByKill };
  }
}

function endedByKill({ connection: { closedAt } }: SunkMessage, kills: readonly Kill[]): boolean {
  if (closedAt === undefined) return false;
  return kills.some(({ from, to }) => closedAt >= from && closedAt <= to + longestStallMs + noticeMs);
}
