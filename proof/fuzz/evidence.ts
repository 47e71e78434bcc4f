/**
 * What the sessions with the relay did, what its upstream got, and whether the two agree: each message that was
 * acknowledged was accepted, each that arrived is whole and as it was sent, and none was made up.
 */

import type { SunkMessage } from '../sink.js';
import { hasFalseEnd } from './lenient.js';
import { type Submission, submissionId } from './submission.js';
import type { Honesty } from './upstream-mood.js';
import { type LogLine } from '../../test/support/recording-logger.js';

export class Evidence {
  readonly submissions = new Map<string, Submission>();
  /** What came to the upstream. */
  readonly sunk: SunkMessage[] = [];
  /** What the clients said that submitted nothing correctly. */
  readonly nonsense: string[] = [];
  /** The sink's ids of messages of which a client was told that they were accepted. */
  readonly acknowledged: string[] = [];
  readonly faults: string[] = [];

  /** Whatever an upstream does, it is no `internal error` of the relay. */
  look(log: readonly LogLine[]): void {
    for (const { message, fields } of log) {
      const line = `${message} ${JSON.stringify(fields)}`;
      if (line.includes('internal error')) this.faults.push(`logged: ${line}`);
    }
  }

  judge(honesty: Honesty): void {
    const whole = this.sunk.filter(({ outcome }) => outcome !== 'cut');
    const nonsense = this.nonsense.map(withoutDots);
    for (const { data } of whole) {
      if (hasFalseEnd(data, true)) this.#fault('a false end of data reached the upstream', data);
      const submission = this.submissions.get(submissionId(data) ?? '');
      if (submission !== undefined && !(submission.sentWhole && submission.data === data))
        this.#fault('a message arrived that is not what was sent', data);
      // Only dots may have been doubled.
      if (submission === undefined && !nonsense.some((said) => said.includes(withoutDots(data))))
        this.#fault('a message arrived that nobody sent', data);
    }
    const accepted = whole.filter(({ outcome }) => outcome === 'accepted');
    const ids = new Set(accepted.map(({ id }) => id));
    for (const id of this.acknowledged) if (!ids.has(id)) this.#fault('a reply was made up', id);
    if (honesty === 'lying') return;
    const submissionIds = new Set(accepted.map(({ data }) => submissionId(data)));
    for (const { id, acknowledged } of this.submissions.values())
      if (acknowledged && !submissionIds.has(id))
        this.#fault('a message was acknowledged and not accepted', id);
  }

  #fault(what: string, evidence: string): void {
    this.faults.push(`${what}: ${JSON.stringify(evidence.slice(0, 300))}`);
  }
}

function withoutDots(text: string): string {
  return text.replaceAll('.', '');
}
