/**
 * One authenticated session with an upstream server: a socket, the replies that are due on it, and the time
 * they may take. It sends pipelined commands in one write where the server allows that and one by one where
 * it does not. It decides nothing: replies go to whoever sent the command, trouble goes to its owner.
 */
import type { Socket } from 'node:net';
import type { SubmittingAccount } from '../accounts/account.js';
import { AppError, describeCause, toAppError } from '../core/errors.js';
import { type BodyPart, shortPartOctets } from '../protocol/smtp/body.js';
import type { Extensions } from '../protocol/smtp/client.js';
import { type Reply, ReplyReader, replyText } from '../protocol/smtp/reply.js';
import { type ClientStage, clientStages } from '../protocol/smtp/states.js';
import type { AccessToken } from '../refresh/token-source.js';
import { writeLent } from './blocks.js';
import type { RelayFigures } from './figures.js';
import type { Deadlines, Expiring } from './deadlines.js';
import type { Login } from './login.js';
import { sizeOffered } from './message-size.js';
import { QuickWriter } from './quick-writer.js';
import { readShared } from './shared-buffer.js';
import { atTurnEnd } from './turn-end.js';

/** Told what its session does on its own. */
export interface UpstreamOwner {
  /** The id of the client's session that it serves. */
  readonly session: string;
  /** Whether it goes on with another session, in its place, when it loses this one now. */
  readonly startsAgain: boolean;
  /** The session is gone; replies that are due will not come. */
  upstreamLost(error: AppError): void;
  /** A reply that nobody asked for: a refusal in the middle of a message, or a good-bye. */
  upstreamSpoke(reply: Reply): void;
  /** There is room for more of the message again. */
  upstreamDrained(): void;
}

export interface UpstreamOptions {
  readonly account: SubmittingAccount;
  readonly token: AccessToken;
  readonly deadlines: Deadlines;
  /** Gets each line of the conversation, message bodies excepted, and the client's session that it is about. */
  readonly dialogue: ((line: string, session: string | undefined) => void) | undefined;
  readonly figures: RelayFigures;
  readonly home: UpstreamHome;
}

/** Who waits for the reply to a command. */
export interface DueReply {
  readonly stage: ClientStage;
  take(reply: Reply): void;
}

/** Where a session is kept between messages. */
export interface UpstreamHome {
  /** A message has ended or (`reset`) was broken off: the session may serve the next one. */
  takeBack(session: UpstreamSession, reset: boolean): void;
  /**
   * Called once, when the session is over, before its owner is told.
   * @param leavesPlace to another session of its owner's
   */
  ended(session: UpstreamSession, leavesPlace: boolean): void;
}

export class UpstreamSession implements Expiring {
  readonly account: SubmittingAccount;
  readonly token: AccessToken;
  readonly extensions: Extensions;
  /** Of a message; Infinity where the server tells no limit. */
  readonly mostOctets: number;
  owner: UpstreamOwner | undefined;
  deadlineAt = Infinity;
  /** False from the begin of a message on a kept session to the first reply. */
  #isProven = true;
  /** Messages and attempts that it has served. */
  transactions = 0;

  readonly #options: UpstreamOptions;
  /** Mostly undefined: no line is then made for it. */
  readonly #dialogue: UpstreamOptions['dialogue'];
  readonly #pipelines: boolean;
  readonly #socket: Socket;
  readonly #writer: QuickWriter;
  readonly #replies = new ReplyReader();
  readonly #due: DueReply[] = [];
  /** Replies that are due to what has been written; any other comes unasked. */
  #answerable = 0;
  /** Lines that wait for their turn at a server without PIPELINING. */
  readonly #unsent: { readonly line: string; readonly due: DueReply }[] = [];
  #out = '';
  /** Of the client whose message it serves or served last; undefined while it is kept for another. */
  #client: string | undefined;
  #congested = false;
  #ended = false;

  constructor({ socket, extensions }: Login, options: UpstreamOptions) {
    this.account = options.account;
    this.token = options.token;
    this.extensions = extensions;
    this.mostOctets = sizeOffered(extensions) ?? Infinity;
    this.#pipelines = extensions.has('PIPELINING');
    this.#options = options;
    this.#dialogue = options.dialogue;
    this.#socket = socket;
    readShared(socket, (lent) => this.#receive(lent));
    this.#writer = new QuickWriter(socket, () => this.#drained());
    socket.on('error', (error) => this.#fail(this.#connectionLost(describeCause(error))));
    socket.on('close', () => this.#fail(this.#connectionLost('it closed the connection')));
    options.deadlines.watch(this);
  }

  get isAlive(): boolean {
    return !this.#ended;
  }

  /** Replies that are due. */
  get outstanding(): number {
    return this.#due.length + this.#unsent.length;
  }

  /** A part of a reply has come that nobody waits for: what comes next would be taken for its end. */
  get isMidReply(): boolean {
    return this.#replies.isMidReply;
  }

  /** The upstream does not read as fast as it is sent to. */
  get isCongested(): boolean {
    return this.#congested && !this.#ended;
  }

  /** A message begins; true when the session has served one before. */
  begin(owner: UpstreamOwner): boolean {
    this.owner = owner;
    this.#client = owner.session;
    this.#isProven = this.transactions === 0;
    return this.transactions++ > 0;
  }

  /** Sends one command line; what is sent in one turn of the event loop leaves in one write. */
  command(line: string, due: DueReply): void {
    if (!this.#pipelines && this.outstanding > 0) this.#unsent.push({ line, due });
    else this.#send(line, due);
  }

  /** Sends a part of the message, which is only lent; with the last one goes whoever waits for the reply to all of it. */
  message({ pieces, text }: Pick<BodyPart, 'pieces' | 'text'>, end?: DueReply): void {
    if (end !== undefined) this.#expect(end);
    if (text !== undefined) return this.#put(text);
    for (const piece of pieces) {
      // It leaves with what else is due, like a command.
      if (piece.length <= shortPartOctets) {
        this.#put(piece.toString('latin1'));
      } else {
        this.#flush();
        if (!writeLent(this.#socket, piece)) this.#congested = true;
      }
    }
    if (end === undefined) {
      this.deadlineAt = this.isCongested ? this.#in(clientStages.body.timeoutMs) : Infinity;
    }
  }

  /** Gives the session back after a message, or (`reset`) after one that was broken off. */
  release(reset: boolean): void {
    this.owner = undefined;
    this.#options.home.takeBack(this, reset);
  }

  /** Cuts the connection. Nothing that was begun is finished by that: an unended message is discarded. */
  destroy(leavesPlace = false): void {
    if (this.#ended) return;
    this.#socket.destroy();
    this.#end(leavesPlace);
  }

  /** Leaves politely; for idle sessions. */
  quit(): void {
    if (this.#ended) return;
    this.#dialogue?.('C: QUIT', this.#client);
    this.#socket.end('QUIT\r\n', () => this.#socket.destroySoon());
    this.#end(false);
  }

  /** Nothing is due; when nobody has taken it by then, it leaves. */
  idleUntil(deadlineAt: number): void {
    this.deadlineAt = deadlineAt;
    this.#client = undefined;
  }

  expire(): void {
    if (this.outstanding === 0 && !this.isCongested) return this.quit();
    const stage = clientStages[this.#due[0] === undefined ? 'body' : this.#stageOf(this.#due[0])];
    const text = `${this.#where} was silent for too long ${stage.text}`;
    this.#fail(new AppError('upstream-timeout', text));
  }

  get #where(): string {
    const { host, port } = this.account.submission.smtp;
    return `${host}:${port}`;
  }

  /** The moment `delayMs` from now. */
  #in(delayMs: number): number {
    return this.#options.deadlines.in(delayMs);
  }

  #connectionLost(why: string): AppError {
    const stage = this.#due[0]?.stage;
    const when = stage === undefined ? '' : ` ${clientStages[stage].text}`;
    return new AppError('upstream-lost', `${this.#where}: ${why}${when}`);
  }

  #send(line: string, due: DueReply): void {
    this.#dialogue?.(`C: ${line.trimEnd()}`, this.#client);
    this.#put(line);
    this.#expect(due);
  }

  #stageOf({ stage }: DueReply): ClientStage {
    return this.#isProven || stage !== 'mail' ? stage : 'keptMail';
  }

  #put(text: string): void {
    if (this.#out === '') atTurnEnd(this.#flush);
    this.#out += text;
  }

  #expect(due: DueReply): void {
    this.#due.push(due);
    if (this.#due.length === 1) this.deadlineAt = this.#in(clientStages[this.#stageOf(due)].timeoutMs);
  }

  readonly #flush = (): void => {
    if (this.#ended) return;
    this.#answerable = this.#due.length;
    if (this.#out !== '' && !this.#writer.write(this.#out)) this.#congested = true;
    this.#out = '';
  };

  #drained(): void {
    this.#congested = false;
    if (this.#due.length === 0) this.deadlineAt = Infinity;
    this.owner?.upstreamDrained();
  }

  #receive(lent: Buffer): void {
    this.#replies.push(lent);
    try {
      for (let reply = this.#replies.next(); reply !== undefined; reply = this.#replies.next()) {
        this.#dialogue?.(`S: ${replyText(reply)}`, this.#client);
        this.#deliver(reply);
        if (this.#ended) return;
      }
    } catch (error) {
      this.#fail(toAppError(error));
    }
  }

  #deliver(reply: Reply): void {
    this.#options.figures.replies[Math.floor(reply.code / 100)]!++;
    if (this.#answerable === 0) {
      // Between messages it has nothing to say.
      if (this.owner === undefined) this.destroy();
      else this.owner.upstreamSpoke(reply);
    } else {
      this.#answerable--;
      this.#isProven = true;
      const due = this.#due.shift();
      const next = this.#due[0] ?? this.#unsent[0]?.due;
      this.deadlineAt = next === undefined ? Infinity : this.#in(clientStages[next.stage].timeoutMs);
      due?.take(reply);
    }
    if (reply.code === 421) this.#fail(goodbye(reply));
    const unsent = this.#ended ? undefined : this.#unsent.shift();
    if (unsent !== undefined) this.#send(unsent.line, unsent.due);
  }

  #fail(error: AppError): void {
    const { owner } = this;
    if (this.#ended) return;
    this.destroy(owner?.startsAgain);
    owner?.upstreamLost(error);
  }

  #end(leavesPlace: boolean): void {
    this.#ended = true;
    this.owner = undefined;
    this.#options.deadlines.unwatch(this);
    this.#options.home.ended(this, leavesPlace);
  }
}

function goodbye(reply: Reply): AppError {
  const said = replyText(reply);
  return new AppError('upstream-refused', `the upstream server ended the session: ${said}`, {
    publicDetail: said.slice(0, 200),
  });
}
