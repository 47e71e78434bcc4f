/**
 * The server's side of an SMTP session without sockets, clock or opinions: octets in, events out. It knows the
 * grammar, the order of commands and where a message ends; what to answer is the session's business. It stops
 * of its own accord after DATA, after the end of a message, and after AUTH and each response until it is told how that
 * went, because what the next octets mean depends on it.
 */
import { longestResponseOctets } from '../sasl/server.js';
import { type BodyPart, BodyScanner } from './body.js';
import { type Command, type Fault, type ForeignProtocol, parseCommand, type Verb } from './command.js';
import { type Line, LineReader } from './lines.js';
import { makeReply } from './reply.js';
import { outOfOrder, type ServerState, serverTransitions } from './states.js';

/**
 * RFC 5321, 4.5.3.1.4 allows 512 octets and more with extensions; the longest parameters of those that we
 * offer stay far below this, and Postfix allows as much.
 */
const longestCommandOctets = 2048;

/** `AUTH OAUTHBEARER ` with an initial response of the length that RFC 4954, 4 demands. */
const longestAuthOctets = 20 + longestResponseOctets;

export type ServerEvent = Command | Fault | ForeignProtocol | BodyEvent | ResponseEvent;

/** A line of an AUTH exchange; it can hold a secret. */
export interface ResponseEvent {
  readonly verb: 'response';
  readonly line: Line;
}

export interface BodyEvent extends BodyPart {
  readonly verb: 'body';
  /** The message ends with this part. */
  readonly ended: boolean;
  /** The message holds something that must not be sent on (see body.ts). */
  readonly unsafe: boolean;
}

type Phase =
  | 'commands'
  | 'awaiting-tls'
  | 'awaiting-auth'
  | 'auth-response'
  | 'awaiting-data-reply'
  | 'body'
  | 'awaiting-end-reply';

/** As maps, which look a name up several times as fast as an object whose names vary. */
const transitions: ReadonlyMap<ServerState, ReadonlyMap<Verb, ServerState>> = new Map(
  Object.entries(serverTransitions).map(([state, row]) => [
    state as ServerState,
    new Map(Object.entries(row) as [Verb, ServerState][]),
  ]),
);

export interface ServerOptions {
  readonly refuseBareNewlines?: boolean;
  readonly offersStartTls?: boolean;
  readonly offersAuth?: boolean;
}

export class ServerProtocol {
  readonly #refuseBareNewlines: boolean;
  readonly #offersAuth: boolean;
  #lines: LineReader;
  #state: ServerState = 'connected';
  #phase: Phase = 'commands';
  #tls: 'none' | 'offered' | 'on';
  #body: BodyScanner | undefined;
  #bodyInput: Buffer | undefined;

  constructor({
    refuseBareNewlines = false,
    offersStartTls = false,
    offersAuth = false,
  }: ServerOptions = {}) {
    this.#offersAuth = offersAuth;
    this.#lines = this.#newLines();
    this.#refuseBareNewlines = refuseBareNewlines;
    this.#tls = offersStartTls ? 'offered' : 'none';
  }

  get state(): ServerState {
    return this.#state;
  }

  /** STARTTLS is what the client may say, and it has not. */
  get offersStartTls(): boolean {
    return this.#tls === 'offered';
  }

  /** Nothing more is read before tlsStarted, authContinues, authEnded, dataAnswered or endAnswered. */
  get isWaiting(): boolean {
    return this.#phase !== 'commands' && this.#phase !== 'auth-response' && this.#phase !== 'body';
  }

  get isInBody(): boolean {
    return this.#phase === 'body';
  }

  /** Octets received and not yet handed out. */
  get pendingOctets(): number {
    return this.#lines.pendingOctets + (this.#bodyInput?.length ?? 0);
  }

  /** The octets are only lent: `keepInput` before they change. */
  receive(chunk: Buffer): void {
    if (this.#phase !== 'body') this.#lines.push(chunk);
    else this.#bodyInput = this.#bodyInput === undefined ? chunk : Buffer.concat([this.#bodyInput, chunk]);
  }

  /** Copies what was received and has not been handed out. */
  keepInput(): void {
    if (this.#bodyInput !== undefined) this.#bodyInput = Buffer.from(this.#bodyInput);
  }

  /** The next event, or undefined when more octets or an answer are needed. */
  nextEvent(): ServerEvent | undefined {
    if (this.isWaiting) return undefined;
    if (this.#phase === 'body') return this.#nextBodyPart();
    const line = this.#lines.next();
    if (line === undefined) return undefined;
    if (this.#phase === 'auth-response') {
      this.#phase = 'awaiting-auth';
      return { verb: 'response', line };
    }
    if (typeof line !== 'string')
      return fault(500, '5.2', line.fault === 'too-long' ? 'Line too long' : 'Lines must end with CR LF');
    if (line.length > longestCommandOctets && !/^auth /i.test(line))
      return fault(500, '5.2', 'Line too long');
    const command = parseCommand(line);
    return command.verb === 'fault' || command.verb === 'foreign' ? command : this.#step(command);
  }

  /** TLS is on: all that was said before counts no more, and none of it is left (RFC 3207, 4.2). */
  tlsStarted(): void {
    this.#tls = 'on';
    this.#state = 'connected';
    this.#phase = 'commands';
    this.#lines = this.#newLines();
  }

  /** The reply to AUTH, or to a response, was a challenge: the next line answers it. */
  authContinues(): void {
    this.#phase = 'auth-response';
  }

  /** The exchange is over, however it went. */
  authEnded(): void {
    this.#phase = 'commands';
  }

  /** The reply to DATA is known: 354 opens the body, anything else leaves the transaction as it was. */
  dataAnswered(accepted: boolean): void {
    this.#phase = accepted ? 'body' : 'commands';
    if (!accepted) return;
    this.#body = new BodyScanner({ refuseBareNewlines: this.#refuseBareNewlines });
    if (this.#lines.pendingOctets > 0) this.#bodyInput = this.#lines.takeRest();
  }

  /** The reply to the message is known. */
  endAnswered(): void {
    this.#phase = 'commands';
    this.#state = 'greeted';
  }

  /** There is no transaction any more, or MAIL was refused and there was none. */
  transactionOver(): void {
    if (this.#state !== 'connected') this.#state = 'greeted';
  }

  #newLines(): LineReader {
    return new LineReader(this.#offersAuth ? longestAuthOctets : longestCommandOctets);
  }

  #step(command: Command): Command | Fault {
    if (command.verb === 'AUTH' && !this.#offersAuth) return fault(502, '5.1', 'AUTH is not offered here');
    if (command.verb === 'STARTTLS' && this.#tls !== 'offered') {
      const isOn = this.#tls === 'on';
      return isOn
        ? fault(503, '5.1', 'TLS is on already')
        : fault(502, '5.1', 'STARTTLS is not offered here');
    }
    const next = transitions.get(this.#state)?.get(command.verb);
    if (next === undefined) {
      return { ...fault(503, '5.1', outOfOrder(this.#state, command.verb)), outOfOrder: command.verb };
    }
    this.#state = next;
    if (command.verb === 'DATA') this.#phase = 'awaiting-data-reply';
    else if (command.verb === 'STARTTLS') this.#phase = 'awaiting-tls';
    else if (command.verb === 'AUTH') this.#phase = 'awaiting-auth';
    return command;
  }

  #nextBodyPart(): BodyEvent | undefined {
    const chunk = this.#bodyInput;
    if (chunk === undefined || this.#body === undefined) return undefined;
    this.#bodyInput = undefined;
    const { pieces, octets, rest, text } = this.#body.scan(chunk);
    const { unsafe } = this.#body;
    const ended = rest !== undefined;
    if (ended) {
      this.#phase = 'awaiting-end-reply';
      this.#body = undefined;
      if (rest.length > 0) this.#lines.push(rest);
    }
    return { verb: 'body', pieces, octets, text, rest, ended, unsafe };
  }
}

function fault(code: number, detail: string, text: string): Fault {
  return { verb: 'fault', reply: makeReply(code, detail, text) };
}
