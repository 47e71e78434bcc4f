/**
 * One client connection: octets from the socket become events of the server protocol, events become replies or
 * go into a transaction. It answers by itself only what concerns nobody else (EHLO, NOOP, RSET, errors of
 * syntax and order); everything about a message is the upstream's word.
 */
import type { Socket } from 'node:net';
import type { Logger } from '../core/logger.js';
import { AppError } from '../core/errors.js';
import type { RelaySettings } from '../config/config.js';
import {
  type Command,
  type Fault,
  formatPathCommand,
  mailboxOf,
  type PathCommand,
} from '../protocol/smtp/command.js';
import { formatReply, makeReply, type Reply } from '../protocol/smtp/reply.js';
import { type BodyEvent, ServerProtocol } from '../protocol/smtp/server.js';
import type { AccountDirectory, LiveAccount } from '../refresh/token-source.js';
import type { Clock } from '../core/clock.js';
import type { Deadlines, Expiring } from './deadlines.js';
import { greetingReply, ownReply, refuseParameters } from './extensions.js';
import { logMessage } from './message-log.js';
import { replyForFailure, replyForUnknownSender } from './policy.js';
import type { UpstreamPool } from './pool.js';
import { ReplyQueue, type Respond } from './reply-queue.js';
import { type MessageResult, Transaction } from './transaction.js';

/** RFC 5321, 4.5.3.2.7: a server waits at least five minutes for the next command. */
const silenceMs = 5 * 60_000;
/** For the client to read our last words. */
const closeMs = 10_000;
const mostErrors = 20;
/** What a client may send ahead of our replies before it has to read them. */
const mostPendingReplies = 1000;
const mostPendingOctets = 256 * 1024;

export interface SessionContext {
  readonly directory: AccountDirectory;
  readonly pool: UpstreamPool;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: RelaySettings;
  /** Our name in the greeting. */
  readonly hostname: string;
  readonly traceDialogue: boolean;
}

export class ClientSession implements Expiring {
  deadlineAt: number;
  readonly #socket: Socket;
  readonly #context: SessionContext;
  readonly #id: string;
  readonly #onClose: () => void;
  readonly #protocol: ServerProtocol;
  readonly #replies: ReplyQueue;
  #transaction: Transaction | undefined;
  /** Answers RCPT and DATA that come after a transaction was refused. */
  #refusal: Reply | undefined;
  #startedAt = 0;
  #sender = '';
  #greeted = false;
  #errors = 0;
  /** The client has said QUIT. */
  #quitting = false;
  /** Our last octets are on their way. */
  #closing = false;
  #shuttingDown = false;
  #inputEnded = false;

  constructor(socket: Socket, id: string, context: SessionContext, onClose: () => void) {
    this.#socket = socket;
    this.#id = id;
    this.#context = context;
    this.#onClose = onClose;
    this.#protocol = new ServerProtocol({ refuseBareNewlines: context.settings.bareNewlines === 'reject' });
    this.#replies = new ReplyQueue((text) => this.#write(text));
    this.deadlineAt = context.deadlines.in(silenceMs);
    context.deadlines.watch(this);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('drain', () => this.#proceed());
    socket.on('end', () => this.#endOfInput());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed());
    // One look at the socket before the greeting: who speaks first is no mail client, but perhaps a web page
    // that was made to connect here. Two turns of the event loop are enough, and cost no time.
    setImmediate(() => setImmediate(() => this.#greet()));
  }

  /** Finishes a message in flight; otherwise says good-bye at once. */
  shutDown(): void {
    this.#shuttingDown = true;
    this.#closeWhenDone();
  }

  /** Cuts the connection; a message that was not whole is then not sent. */
  destroy(): void {
    this.#socket.destroy();
  }

  expire(): void {
    if (this.#closing) return this.destroy();
    // It is the upstream that is slow, not the client; the upstream's own time-outs hold.
    if (this.#replies.pending > 0) this.deadlineAt = this.#context.deadlines.in(silenceMs);
    else this.#goodbye('4.2', 'Five minutes of silence, closing the connection');
  }

  #greet(): void {
    if (this.#socket.destroyed || this.#greeted) return;
    this.#greeted = true;
    this.#replies.reserve()(greetingReply(this.#context.hostname));
  }

  #receive(chunk: Buffer): void {
    if (!this.#greeted) return this.#expel('spoke before the greeting');
    this.deadlineAt = this.#context.deadlines.in(silenceMs);
    this.#protocol.receive(chunk);
    this.#proceed();
  }

  /** Handles all events that are there, unless the client must wait or read first. */
  #proceed(): void {
    while (!this.#mustPause && !this.#closing && !this.#socket.destroyed) {
      const event = this.#protocol.nextEvent();
      if (event === undefined) break;
      if (event.verb === 'body') this.#body(event);
      else if (event.verb === 'foreign') return this.#expel(`spoke ${event.protocol}`);
      else if (event.verb === 'fault') this.#fault(event);
      else this.#command(event);
    }
    if (this.#mustPause || this.#protocol.pendingOctets > mostPendingOctets) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
    this.#closeWhenDone();
  }

  get #mustPause(): boolean {
    const congested = this.#protocol.isInBody && (this.#transaction?.isCongested ?? false);
    return congested || this.#replies.pending > mostPendingReplies || this.#socket.writableNeedDrain;
  }

  #command(command: Command): void {
    if (this.#context.traceDialogue) this.#trace(`C: ${shown(command)}`);
    const respond = this.#replies.reserve();
    switch (command.verb) {
      case 'MAIL':
        return this.#mail(command, respond);
      case 'RCPT': {
        const refusal = refuseParameters(command);
        if (refusal !== undefined) return this.#countError(respond, refusal);
        return this.#transaction?.command(command, respond);
      }
      case 'DATA':
        return this.#transaction?.command({ verb: 'DATA' }, respond);
      case 'EHLO':
      case 'HELO':
      case 'RSET':
        this.#reset();
        break;
      case 'QUIT':
        this.#quitting = true;
        break;
      case 'NOOP':
      case 'VRFY':
      case 'HELP':
        break;
    }
    respond(ownReply(command.verb, this.#context.hostname));
  }

  #mail(command: PathCommand, respond: Respond): void {
    this.#refusal = undefined;
    this.#startedAt = this.#context.clock.monotonic();
    // Octets on the wire are UTF-8 where they are not ASCII (RFC 6531).
    this.#sender = Buffer.from(mailboxOf(command.path), 'latin1').toString('utf8');
    const parameterRefusal = refuseParameters(command);
    if (parameterRefusal !== undefined) return this.#refuse(respond, parameterRefusal);
    const found = this.#context.directory.lookup(this.#sender);
    switch (found.kind) {
      case 'usable':
        this.#transaction = this.#open(found.live);
        this.#transaction.command(command, respond);
        break;
      case 'broken':
        this.#refuse(
          respond,
          replyForFailure(found.account.problem, found.account.name),
          found.account.problem,
        );
        break;
      case 'unknown':
        this.#refuse(respond, replyForUnknownSender(this.#sender, this.#context.settings.unknownSender));
        break;
      case 'none':
        this.#refuse(respond, replyForFailure(new AppError('no-accounts', 'no account can be used')));
        break;
    }
  }

  #open(live: LiveAccount): Transaction {
    const transaction: Transaction = new Transaction(live, this.#context.pool, {
      refused: (reply, cause) => {
        if (this.#transaction === transaction) this.#refused(reply, cause, live.account.name);
      },
      dataAnswered: (accepted) => {
        this.#protocol.dataAnswered(accepted);
        this.#proceedSoon();
      },
      ended: (result) => this.#ended(result, live),
      drained: () => this.#proceedSoon(),
    });
    return transaction;
  }

  #refuse(respond: Respond, reply: Reply, cause?: AppError): void {
    respond(reply);
    this.#refused(reply, cause, undefined);
  }

  /** There is no message after all: say why in the log, and let the client begin anew. */
  #refused(reply: Reply, cause: AppError | undefined, account: string | undefined): void {
    this.#transaction = undefined;
    this.#refusal = reply;
    this.#protocol.transactionOver();
    logMessage(this.#context.logger, { ...this.#messageFacts(), account, reply, cause });
  }

  #messageFacts(): { session: string; from: string; ms: number } {
    const ms = Math.round(this.#context.clock.monotonic() - this.#startedAt);
    return { session: this.#id, from: this.#sender, ms };
  }

  #body(part: BodyEvent): void {
    const respond = part.ended ? this.#replies.reserve() : undefined;
    this.#transaction?.message(part, respond);
  }

  #ended(result: MessageResult, live: LiveAccount): void {
    this.#protocol.endAnswered();
    this.#transaction = undefined;
    logMessage(this.#context.logger, { ...this.#messageFacts(), account: live.account.name, ...result });
    this.#proceedSoon();
  }

  #fault(event: Fault): void {
    const respond = this.#replies.reserve();
    const pipelined = event.outOfOrder === 'RCPT' || event.outOfOrder === 'DATA';
    if (pipelined && this.#refusal !== undefined) respond(this.#refusal);
    else this.#countError(respond, event.reply);
  }

  #countError(respond: Respond, reply: Reply): void {
    respond(reply);
    if (++this.#errors >= mostErrors) this.#goodbye('7.0', 'Too many errors');
  }

  #reset(): void {
    this.#refusal = undefined;
    this.#transaction?.abandon('by-reset');
    this.#transaction = undefined;
  }

  /** Events that became possible while another event is being handled wait for their turn. */
  #proceedSoon(): void {
    queueMicrotask(() => this.#proceed());
  }

  #write(text: string): void {
    if (this.#context.traceDialogue)
      for (const line of text.trimEnd().split('\r\n')) this.#trace(`S: ${line}`);
    if (this.#socket.writable) this.#socket.write(text, 'latin1');
    // It may have been the last one that was waited for.
    if (this.#quitting || this.#inputEnded || this.#shuttingDown) this.#proceedSoon();
  }

  #closeWhenDone(): void {
    if (this.#replies.pending > 0) return;
    // A client that can't say more will not go on with its transaction either.
    if (this.#inputEnded || this.#quitting) this.#close();
    else if (this.#shuttingDown && this.#transaction === undefined) {
      this.#goodbye('3.2', 'Shutting down, try again later');
    }
  }

  #goodbye(detail: string, text: string): void {
    if (this.#closing) return;
    this.#replies.flush();
    this.#write(formatReply(makeReply(421, detail, text)));
    this.#close();
  }

  /** After what has been written; a client that does not read it is cut off. */
  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#socket.end(() => {
      // Stopping does not wait for the client's good-bye.
      if (this.#shuttingDown) this.#socket.destroy();
    });
    this.deadlineAt = this.#context.deadlines.in(closeMs);
  }

  #expel(why: string): void {
    this.#context.logger.warn(
      { session: this.#id, peer: this.#socket.remoteAddress },
      `client ${why}: disconnected`,
    );
    this.#socket.destroy();
  }

  #endOfInput(): void {
    this.#inputEnded = true;
    // A message that has not ended now never will.
    if (this.#protocol.isInBody) this.#socket.destroy();
    else this.#closeWhenDone();
  }

  #closed(): void {
    this.#context.deadlines.unwatch(this);
    this.#transaction?.abandon('by-disconnect');
    this.#transaction = undefined;
    this.#onClose();
  }

  #trace(line: string): void {
    this.#context.logger.trace({ session: this.#id }, line);
  }
}

function shown(command: Command): string {
  if ('path' in command) return formatPathCommand(command.verb, command.path, command.parameters).trimEnd();
  return `${command.verb} ${command.argument}`.trimEnd();
}
