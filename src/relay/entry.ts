/** A command of a transaction that the client has sent, until it has its reply. */
import type { PathCommand } from '../protocol/smtp/command.js';
import type { Reply } from '../protocol/smtp/reply.js';
import type { StageOfMessage } from './policy.js';
import type { ReplyPlace } from './reply-queue.js';
import type { DueReply } from './upstream.js';

/** What goes to the upstream as the client said it. */
export type Relayed = PathCommand | { readonly verb: 'DATA' };

/** Where in a message a command stands. */
export const stageOf: Readonly<Record<Relayed['verb'], StageOfMessage>> = {
  MAIL: 'mail',
  RCPT: 'rcpt',
  DATA: 'data',
};

/** Who has commands passed on. */
export interface EntryOwner {
  /** The upstream's reply to `entry`. */
  take(entry: Entry, reply: Reply): void;
}

export class Entry implements DueReply {
  readonly command: Relayed;
  readonly place: ReplyPlace;
  readonly stage: StageOfMessage;
  readonly #owner: EntryOwner;

  constructor(command: Relayed, place: ReplyPlace, owner: EntryOwner) {
    this.command = command;
    this.place = place;
    this.stage = stageOf[command.verb];
    this.#owner = owner;
  }

  take(reply: Reply): void {
    this.#owner.take(this, reply);
  }
}
