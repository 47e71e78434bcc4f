/** What Postfix says in its log about its attempts to deliver: its side of the story, against which ours is held. */

export interface Attempts {
  readonly deferrals: number;
  /** Lines about mail that was given up. */
  readonly bounces: readonly string[];
  /** By recipient, why attempts failed after the message was sent. */
  readonly failuresAtEnd: ReadonlyMap<string, readonly AttemptFailure[]>;
}

export interface AttemptFailure {
  /** The connection ended instead of a reply; else there was a reply, a 4yz. */
  readonly replyLost: boolean;
  readonly text: string;
}

const attempt = /: to=<([^>]*)>.* status=(sent|deferred|bounced|expired) (.*)/;

export function readAttempts(log: string): Attempts {
  const bounces: string[] = [];
  const failuresAtEnd = new Map<string, AttemptFailure[]>();
  let deferrals = 0;
  for (const line of log.split('\n')) {
    const [, recipient, status, text] = attempt.exec(line) ?? [];
    if (recipient === undefined || text === undefined || status === 'sent') continue;
    if (status !== 'deferred') bounces.push(line);
    else deferrals++;
    const replyLost = text.includes('while sending end of data');
    if (!replyLost && !text.includes('in reply to end of DATA command')) continue;
    failuresAtEnd.set(recipient, [...(failuresAtEnd.get(recipient) ?? []), { replyLost, text }]);
  }
  return { deferrals, bounces, failuresAtEnd };
}
