/**
 * A client's socket, and what has nothing to do with mail: the look before the greeting, TLS, replies in order, the
 * pause of a client that must wait, the end of its time, and how a connection ends. What the octets mean
 * is its user's business.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { makeReply, type Reply } from '../protocol/smtp/reply.js';
import type { ClientTime } from './client-time.js';
import type { Deadlines, Expiring } from './deadlines.js';
import { acceptTls, type ConnectionTls, handshakeMs, lookAtOpening } from './client-tls.js';
import { QuickWriter } from './quick-writer.js';
import { type ReplyPlace, ReplyQueue } from './reply-queue.js';
import { readShared } from './shared-buffer.js';

/** For the client to read our last words. */
const closeMs = 10_000;
const tooEarly = 'spoke before the greeting';
/** What a client may send ahead of our replies before it has to read them. */
const mostPendingReplies = 1000;

export interface ConnectionUser {
  /** Octets that are valid during the call. */
  receive(lent: Buffer): void;
  /** There is something to do that had to wait for replies to go out. */
  readonly awaitsReplies: boolean;
  /** Replies went out, or the client reads again: more may be handled now. */
  proceed(): void;
  /** All that follows comes and goes in TLS. */
  secured(): void;
  /** The client will say nothing more; it may still read. */
  inputEnded(): void;
  closed(): void;
}

export interface ConnectionOptions {
  /** The id of the client's session. */
  readonly session: string;
  readonly deadlines: Deadlines;
  readonly time: ClientTime;
  readonly greeting: Reply;
  /** Tells why a client was thrown out. */
  readonly expelled: (why: string) => void;
  /** Undefined where the port has none. */
  readonly tls: ConnectionTls | undefined;
  /** Gets each line that is sent. */
  readonly trace: ((line: string) => void) | undefined;
}

export class ClientConnection implements Expiring {
  deadlineAt: number;
  #socket: Socket;
  #writer!: QuickWriter;
  readonly #options: ConnectionOptions;
  readonly #user: ConnectionUser;
  readonly #replies: ReplyQueue;
  #greeted = false;
  /** STARTTLS was said: nothing may come before its reply has left. */
  #tlsIsDue = false;
  #handshaking = false;
  /** No more is read; when the last reply is out, the connection ends. */
  #leaving = false;
  /** Our last octets are on their way. */
  #closing = false;
  /** The socket is destroyed, or about to be; kept here, since asking it costs a walk. */
  #gone = false;
  /** What has been written waits for the client to read. */
  #congested = false;
  #paused = false;
  /** Whether the client may take its time to close its half. */
  #lingers = true;

  /** @param socket paused, from a server with `allowHalfOpen` and `pauseOnConnect` */
  constructor(socket: Socket, user: ConnectionUser, options: ConnectionOptions) {
    this.#options = options;
    this.#user = user;
    this.#replies = new ReplyQueue(options.session, (text) => this.#write(text));
    this.deadlineAt = options.time.next();
    options.deadlines.watch(this);
    this.#socket = socket;
    this.#follow(socket);
    const { tls } = options;
    if (tls?.mode === 'implicit') this.#handshake(tls);
    else if (tls?.mode === 'auto') {
      lookAtOpening(socket, tls.clock, (opening) => {
        if (opening === 'tls') this.#handshake(tls);
        else if (opening === 'words') this.expel(tooEarly);
        else this.#readInClear();
      });
    } else this.#readInClear();
  }

  #follow(socket: Socket): void {
    // One that TLS was put over is followed no more.
    const ifCurrent = (then: () => void) => () => {
      if (this.#socket === socket) then();
    };
    this.#writer = new QuickWriter(
      socket,
      ifCurrent(() => {
        this.#congested = false;
        this.#user.proceed();
      }),
    );
    socket.on(
      'end',
      ifCurrent(() => {
        if (!this.#handshaking) this.#user.inputEnded();
      }),
    );
    socket.on('error', () => socket.destroy());
    socket.on(
      'close',
      ifCurrent(() => {
        this.#gone = true;
        this.#options.deadlines.unwatch(this);
        this.#user.closed();
      }),
    );
  }

  #readInClear(): void {
    readShared(this.#socket, (lent) => this.#receive(lent));
    this.#greetSoon();
  }

  #handshake(tls: ConnectionTls): void {
    this.#handshaking = true;
    this.#congested = false;
    this.#paused = false;
    this.deadlineAt = this.#options.deadlines.in(handshakeMs);
    this.#socket = acceptTls(this.#socket, tls, () => {
      this.#handshaking = false;
      this.deadlineAt = this.#options.time.next();
      this.#user.secured();
      if (!this.#greeted) this.#greetSoon();
    });
    this.#follow(this.#socket);
    readShared(this.#socket, (lent) => this.#receive(lent));
  }

  /** Takes the place of the next command; its reply is due exactly once. */
  reserve(): ReplyPlace {
    return this.#replies.reserve();
  }

  /** Answers in clear, and begins TLS when that and all before it is said. */
  startTls(place: ReplyPlace, reply: Reply): void {
    this.#tlsIsDue = true;
    place.answer(reply);
  }

  /** Commands that have no reply yet. */
  get pendingReplies(): number {
    return this.#replies.pending;
  }

  /** The client must read before more is done for it. */
  get mustRead(): boolean {
    return this.#congested || this.#replies.pending > mostPendingReplies;
  }

  /** False once it ends: what the client still says is not heard. */
  get isOpen(): boolean {
    return !this.#leaving && !this.#gone;
  }

  pause(): void {
    if (this.#handshaking || this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /**
   * Ends the connection when every command so far has its reply; `lingers: false` does not wait for the client to
   * close its half.
   */
  leave({ lingers } = { lingers: true }): void {
    this.#leaving = true;
    if (!lingers) this.#lingers = false;
    // What still comes is not heard, but the end of it is.
    this.resume();
    if (this.#replies.pending === 0) this.#close();
  }

  /** The same with a 421 of our own. */
  goodbye(detail: string, text: string, { lingers } = { lingers: true }): void {
    if (this.#leaving) return;
    // Whoever is in the middle of a handshake could not read it.
    if (this.#handshaking) return this.destroy();
    this.reserve().answer(makeReply(421, detail, text));
    this.leave({ lingers });
  }

  /** For who is no mail client. */
  expel(why: string): void {
    this.#options.expelled(why);
    this.destroy();
  }

  /** Cuts the connection; a message that was not whole is then not sent. */
  destroy(): void {
    this.#gone = true;
    this.#socket.destroy();
  }

  expire(): void {
    if (this.#handshaking) this.#socket.destroy(new Error('the client took too long'));
    else if (this.#closing) this.destroy();
    // It is the upstream that is slow, not the client; the upstream's own time-outs hold.
    else if (this.#replies.pending > 0) this.deadlineAt = this.#options.time.next();
    else this.goodbye('4.2', this.#options.time.verdict);
  }

  /**
   * One look at the socket before the greeting: who speaks first is no mail client, but perhaps a web page
   * that was made to connect here. Two turns of the event loop are enough, and cost no time.
   */
  #greetSoon(): void {
    setImmediate(() => setImmediate(() => this.#greet()));
  }

  #greet(): void {
    if (!this.isOpen) return;
    this.#greeted = true;
    this.reserve().answer(this.#options.greeting);
  }

  #receive(lent: Buffer): void {
    if (!this.#greeted) return this.expel(tooEarly);
    if (this.#tlsIsDue) return this.expel('sent more behind STARTTLS');
    // A client that talks on after our good-bye gains no time by it.
    if (!this.isOpen) return;
    this.deadlineAt = this.#options.time.next();
    this.#user.receive(lent);
  }

  #write(text: string): void {
    if (this.#options.trace !== undefined)
      for (const line of text.trimEnd().split('\r\n')) this.#options.trace(`S: ${line}`);
    if (!this.#gone && !this.#closing && !this.#writer.write(text)) this.#congested = true;
    this.deadlineAt = this.#options.time.next();
    if (this.#tlsIsDue && this.#replies.pending === 0 && this.#options.tls !== undefined) {
      this.#tlsIsDue = false;
      this.#socket.pause();
      return this.#handshake(this.#options.tls);
    }
    if (this.#leaving) {
      if (this.#replies.pending === 0) this.#close();
    } else if (this.#paused || this.#user.awaitsReplies) this.#user.proceed();
  }

  /** After what has been written; a client that does not read it is cut off. */
  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    // Closing both halves at once saves a client that comes for each message a tenth of what it costs.
    if (!this.#lingers && this.#writer.isIdle && !(this.#socket instanceof TLSSocket)) return this.destroy();
    this.#socket.end(() => {
      if (!this.#lingers) this.#socket.destroy();
    });
    this.deadlineAt = this.#options.deadlines.in(closeMs);
  }
}
