/**
 * One client's session: octets become events of the server protocol, events become replies or go into a
 * transaction. It answers by itself only what concerns nobody else (EHLO, NOOP, RSET, errors of syntax and
 * order); everything about a message is the upstream's word.
 */
import type { Socket } from 'node:net';
import type { AppError } from '../core/errors.js';
import { type Command, commandLine, type Fault, type PathCommand } from '../protocol/smtp/command.js';
import type { Line } from '../protocol/smtp/lines.js';
import type { Reply } from '../protocol/smtp/reply.js';
import { type BodyEvent, ServerProtocol } from '../protocol/smtp/server.js';
import { accountFor, senderOf } from './access.js';
import { ClientAuth } from './client-auth.js';
import { ClientConnection, type ConnectionUser } from './client-connection.js';
import { ClientTime } from './client-time.js';
import {
  behindStartTls,
  greetingReply,
  ownReply,
  readyForTls,
  refuseParameters,
  refuseSize,
} from './extensions.js';
import { logLimit, SessionTally, tooManyErrors } from './limits.js';
import { MessageLog, type MessageResult } from './message-log.js';
import type { Offer } from './offer.js';
import type { ReplyPlace } from './reply-queue.js';
import { type SessionContext, tlsFor } from './session-context.js';
import { type SessionStanding, stageOf } from './session-facts.js';
import { Transaction, type TransactionObserver } from './transaction.js';
import { atTurnEnd } from './turn-end.js';

/** What a client may send ahead while it has to wait. */
const mostPendingOctets = 256 * 1024;

export class ClientSession implements ConnectionUser, TransactionObserver {
  readonly #context: SessionContext;
  readonly id: string;
  readonly #peer: string;
  readonly #onClose: () => void;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #connection: ClientConnection;
  readonly #protocol: ServerProtocol;
  readonly #messages: MessageLog;
  readonly #tally: SessionTally;
  readonly #time: ClientTime;
  #auth: ClientAuth | undefined;
  /** What the last EHLO was told. */
  #offer: Offer | undefined;
  #transaction: Transaction | undefined;
  /** Answers RCPT and DATA that come after a transaction was refused. */
  #refusal: Reply | undefined;
  /** The last MAIL's path, and the sender that it means. */
  #path = '';
  #sender = '';
  /** Events that became possible while another event is being handled wait for their turn. */
  readonly #proceed = () => this.proceed();
  #inputEnded = false;
  #shuttingDown = false;

  constructor(socket: Socket, id: string, context: SessionContext, onClose: () => void) {
    const { deadlines, floodLog, hostname, logger, port, settings, traceDialogue } = context;
    this.#context = context;
    this.id = id;
    this.#onClose = onClose;
    this.#trace = traceDialogue ? (line) => logger.trace({ session: id }, line) : undefined;
    this.#protocol = new ServerProtocol({
      refuseBareNewlines: settings.bareNewlines === 'reject',
      offersStartTls: port.certificate !== undefined,
      offersAuth: port.authenticator !== undefined,
    });
    const peer = socket.remoteAddress ?? '';
    const fields = { session: id, peer };
    this.#peer = peer;
    this.#auth = this.#newAuth();
    this.#messages = new MessageLog(context, id);
    this.#tally = new SessionTally(settings.limits);
    this.#time = new ClientTime(settings.limits, deadlines);
    this.#connection = new ClientConnection(socket, this, {
      session: id,
      deadlines,
      time: this.#time,
      greeting: greetingReply(hostname),
      expelled: (why) => floodLog.log('warn', fields, `client ${why}: disconnected`),
      tls: tlsFor(context, fields),
      trace: this.#trace,
    });
  }

  /** Finishes a message in flight; otherwise says good-bye at once. */
  shutDown(): void {
    this.#shuttingDown = true;
    this.#leaveWhenDone();
  }

  /** Cuts the connection; a message that was not whole is then not sent. */
  destroy(): void {
    this.#connection.destroy();
  }

  receive(lent: Buffer): void {
    this.#protocol.receive(lent);
    this.proceed();
    this.#protocol.keepInput();
  }

  get awaitsReplies(): boolean {
    return this.#protocol.pendingOctets > 0 || this.#inputEnded || this.#shuttingDown;
  }

  /** Handles all events that are there, unless the client must wait or read first. */
  proceed(): void {
    while (this.#connection.isOpen && !this.#mustPause()) {
      const event = this.#protocol.nextEvent();
      if (event === undefined) {
        this.#leaveWhenDone();
        break;
      }
      if (event.verb === 'body') this.#body(event);
      else if (event.verb === 'foreign') return this.#connection.expel(`spoke ${event.protocol}`);
      else if (event.verb === 'fault') this.#fault(event);
      else if (event.verb === 'response') this.#response(event.line);
      else this.#command(event);
    }
    if (!this.#connection.isOpen) return;
    if (this.#mustPause() || this.#protocol.pendingOctets > mostPendingOctets) this.#connection.pause();
    else this.#connection.resume();
  }

  secured(): void {
    this.#trace?.('TLS is on');
    this.#protocol.tlsStarted();
    this.#auth = this.#newAuth();
    this.#offer = undefined;
    this.#leaveWhenDone();
  }

  inputEnded(): void {
    this.#inputEnded = true;
    this.proceed();
  }

  closed(): void {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    if (transaction?.isInBody) this.#messages.cutOff(transaction.live.account.name);
    transaction?.abandon('by-disconnect');
    this.#auth?.close();
    this.#onClose();
  }

  #mustPause(): boolean {
    const congested = this.#protocol.isInBody && (this.#transaction?.isCongested ?? false);
    return congested || this.#connection.mustRead;
  }

  #command(command: Command): void {
    this.#trace?.(`C: ${commandLine(command)}`);
    const place = this.#connection.reserve();
    switch (command.verb) {
      case 'MAIL':
        return this.#mail(command, place);
      case 'RCPT': {
        const refusal = refuseParameters(command);
        if (refusal !== undefined) return this.#countError(place, refusal);
        const tooMany = this.#tally.rcpt();
        if (tooMany !== undefined) return this.#atLimit(place, tooMany);
        return this.#transaction?.command(command, place);
      }
      case 'DATA':
        return this.#transaction?.command({ verb: 'DATA' }, place);
      case 'STARTTLS':
        return this.#startTls(place);
      case 'AUTH':
        return this.#auth?.begin(command, place);
      case 'EHLO':
      case 'HELO':
      case 'RSET':
        if (command.verb === 'EHLO') this.#offer = this.#context.offers.current();
        this.#reset();
        if (this.#protocol.state !== 'connected') this.#time.free();
        break;
      case 'QUIT':
      case 'NOOP':
      case 'VRFY':
      case 'HELP':
        break;
    }
    place.answer(ownReply(command.verb, this.#context.hostname, this.#offeredLines));
    // What was pipelined behind it comes from a client that has left, and would make a hasty close lose the reply.
    if (command.verb === 'QUIT') this.#connection.leave({ lingers: this.#protocol.pendingOctets > 0 });
  }

  /** To a client that may begin TLS or sign in, that too; not AUTH in clear where there could be TLS. */
  get #offeredLines(): readonly string[] {
    const { lines = [] } = this.#offer ?? {};
    return this.#protocol.offersStartTls
      ? [...lines, 'STARTTLS']
      : [...lines, ...(this.#auth?.offered ?? [])];
  }

  #newAuth(): ClientAuth | undefined {
    if (this.#context.port.authenticator === undefined) return undefined;
    return new ClientAuth({
      context: this.#context,
      protocol: this.#protocol,
      session: this.id,
      peer: this.#peer,
      fail: (place, reply) => this.#countError(place, reply),
    });
  }

  #response(line: Line): void {
    this.#trace?.('C: [redacted]');
    this.#auth?.respond(line, this.#connection.reserve());
  }

  #startTls(place: ReplyPlace): void {
    this.#reset();
    if (this.#protocol.pendingOctets === 0) return this.#connection.startTls(place, readyForTls);
    place.answer(behindStartTls);
    const { floodLog } = this.#context;
    floodLog.log('warn', { session: this.id }, 'client sent more behind STARTTLS: disconnected');
    this.#connection.leave();
  }

  #mail(command: PathCommand, place: ReplyPlace): void {
    this.#refusal = undefined;
    const tooMany = this.#tally.mail();
    if (tooMany !== undefined) {
      this.#atLimit(place, tooMany);
      return this.#connection.leave();
    }
    if (command.path !== this.#path) {
      // Else it is the same string, which has been hashed.
      this.#path = command.path;
      this.#sender = senderOf(command);
    }
    this.#time.transactionBegan(this.#messages.begin(this.#sender));
    const parameterRefusal =
      refuseParameters(command) ?? refuseSize(command, this.#context.settings.limits.messageOctets);
    if (parameterRefusal !== undefined) return this.#refuse(place, parameterRefusal);
    const { identity, upstream: own } = this.#auth ?? {};
    const found = own ?? accountFor(this.#sender, identity, this.#context);
    if ('refusal' in found) return this.#refuse(place, found.refusal, found.cause);
    this.#transaction = new Transaction(found.live, own ?? this.#context.pool, this);
    this.#transaction.command(command, place);
  }

  /** For whoever looks. */
  get standing(): SessionStanding {
    return { stage: stageOf(this.#protocol), account: this.#transaction?.live.account.name };
  }

  get mostOctets(): number {
    return this.#context.settings.limits.messageOctets;
  }

  get offer(): Offer | undefined {
    return this.#offer;
  }

  refused(transaction: Transaction, reply: Reply, cause: AppError | undefined): void {
    if (this.#transaction === transaction) this.#refused(reply, cause, transaction.live.account.name);
  }

  // The client is heard again when the reply is written.
  dataAnswered(accepted: boolean): void {
    this.#protocol.dataAnswered(accepted);
    if (accepted) this.#time.bodyBegan();
  }

  ended({ live }: Transaction, result: MessageResult): void {
    this.#protocol.endAnswered();
    this.#transaction = undefined;
    this.#time.free();
    this.#messages.enter(live.account.name, result);
  }

  drained(): void {
    atTurnEnd(this.#proceed);
  }

  #refuse(place: ReplyPlace, reply: Reply, cause?: AppError): void {
    place.answer(reply);
    this.#refused(reply, cause, undefined);
  }

  /** There is no message after all: say why in the log, and let the client begin anew. */
  #refused(reply: Reply, cause: AppError | undefined, account: string | undefined): void {
    this.#transaction = undefined;
    this.#time.free();
    this.#refusal = reply;
    this.#protocol.transactionOver();
    this.#messages.enter(account, { reply, cause });
  }

  #body(part: BodyEvent): void {
    const place = part.ended ? this.#connection.reserve() : undefined;
    this.#transaction?.message(part, place);
  }

  #fault(event: Fault): void {
    const place = this.#connection.reserve();
    const pipelined = event.outOfOrder === 'RCPT' || event.outOfOrder === 'DATA';
    if (pipelined && this.#refusal !== undefined) place.answer(this.#refusal);
    else this.#countError(place, event.reply);
  }

  #countError(place: ReplyPlace, reply: Reply): void {
    place.answer(reply);
    if (!this.#tally.error()) return;
    this.#atLimit(this.#connection.reserve(), tooManyErrors);
    this.#connection.leave();
  }

  #atLimit(place: ReplyPlace, reply: Reply): void {
    place.answer(reply);
    logLimit(this.#context.floodLog, reply, { session: this.id });
  }

  #reset(): void {
    this.#refusal = undefined;
    this.#transaction?.abandon('by-reset');
    this.#transaction = undefined;
  }

  #leaveWhenDone(): void {
    if (this.#connection.pendingReplies > 0) return;
    // A client that can't say more will not go on with its transaction either.
    if (this.#inputEnded) this.#connection.leave();
    else if (this.#shuttingDown && this.#transaction === undefined)
      this.#connection.goodbye('3.2', 'Shutting down, try again later', { lingers: false });
  }
}
