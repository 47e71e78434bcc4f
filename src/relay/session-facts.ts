/** What can be seen of a client's session from outside; read when somebody looks, and costing a session nothing. */
import type { ServerProtocol } from '../protocol/smtp/server.js';

/** `connected` has said nothing yet; `message` lasts until the upstream's word on it. */
export type SessionStage = 'connected' | 'idle' | 'envelope' | 'message';

export interface SessionStanding {
  readonly stage: SessionStage;
  /** Of the message under way. */
  readonly account: string | undefined;
}

export interface SessionFacts extends SessionStanding {
  /** By which the log knows it. */
  readonly id: string;
  /** Address of the client. */
  readonly peer: string;
  /** Since when it is connected. Milliseconds of the monotonic clock. */
  readonly openedAt: number;
}

const stages = { connected: 'connected', greeted: 'idle', mail: 'envelope', recipients: 'envelope' } as const;

export function stageOf({ isInBody, state }: Pick<ServerProtocol, 'isInBody' | 'state'>): SessionStage {
  return isInBody ? 'message' : stages[state];
}
