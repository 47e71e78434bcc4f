/**
 * One authenticated session with an upstream server: a socket, the replies that are due on it, and the time
 * they may take. It sends pipelined commands in one write where the server allows that and one by one where
 * it does not. It decides nothing: replies go to whoever sent the command, trouble goes to its owner.
 */
import { isIP, type Socket } from 'node:net';
import { AppError, describeCause, toAppError } from '../core/errors.js';
import type { Clock } from '../core/clock.js';
import type { SubmittingAccount } from '../accounts/account.js';
import { type Conversation, type Extensions, requestStartTls, signIn } from '../protocol/smtp/client.js';
import { type Reply, ReplyReader, replyText } from '../protocol/smtp/reply.js';
import { type ClientStage, clientStages } from '../protocol/smtp/states.js';
import type { AccessToken } from '../refresh/token-source.js';
import { openTcp, startTls } from './connect.js';
import type { Deadlines, Expiring } from './deadlines.js';

/** Told what its session does on its own. */
export interface UpstreamOwner {
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
  readonly clientName: string;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Gets each line of the conversation, tokens redacted; message bodies excepted. */
  readonly dialogue?: ((line: string) => void) | undefined;
}

interface Due {
  readonly stage: ClientStage;
  readonly onReply: (reply: Reply) => void;
}

export class UpstreamSession implements Expiring {
  readonly account: SubmittingAccount;
  readonly token: AccessToken;
  owner: UpstreamOwner | undefined;
  deadlineAt = Infinity;
  /** Messages and attempts that it has served. */
  transactions = 0;

  readonly #deadlines: Deadlines;
  readonly #dialogue: ((line: string) => void) | undefined;
  #socket: Socket;
  #extensions: Extensions = new Map();
  readonly #replies = new ReplyReader();
  readonly #due: Due[] = [];
  /** Lines that wait for their turn at a server without PIPELINING. */
  readonly #unsent: { readonly line: string; readonly due: Due }[] = [];
  #out = '';
  #lost: AppError | undefined;

  private constructor(options: UpstreamOptions, socket: Socket) {
    this.account = options.account;
    this.token = options.token;
    this.#deadlines = options.deadlines;
    this.#dialogue = options.dialogue;
    this.#socket = socket;
    this.#listen();
    this.#deadlines.watch(this);
  }

  /**
   * Connects, secures and authenticates. Throws AppError upstream-* when that fails; the refusal of a token is
   * an AuthRefused.
   */
  static async open(options: UpstreamOptions): Promise<UpstreamSession> {
    const { account, clock, clientName } = options;
    const abort = new AbortController();
    const timer = clock.setTimer(clientStages.connect.timeoutMs, () => abort.abort());
    let socket = await openTcp(account.submission.smtp, abort.signal).finally(() => timer.cancel());
    if (account.submission.smtp.tls === 'implicit') {
      // A handshake that hangs is cut off by the timer, since no session watches over the socket yet.
      const plain = socket;
      const handshake = clock.setTimer(clientStages.tls.timeoutMs, () => plain.destroy());
      socket = await startTls(plain, account.submission.smtp, account.client).finally(() =>
        handshake.cancel(),
      );
    }
    const session = new UpstreamSession(options, socket);
    try {
      if (account.submission.smtp.tls === 'starttls') {
        await session.#converse(requestStartTls(clientName));
        await session.#secure();
      }
      session.#extensions = await session.#converse(
        signIn({
          awaitGreeting: account.submission.smtp.tls !== 'starttls',
          clientName,
          mechanism: account.submission.mechanism,
          credentials: {
            user: account.submission.user,
            token: options.token.secret,
            host: account.submission.smtp.host,
            port: account.submission.smtp.port,
          },
        }),
      );
      return session;
    } catch (error) {
      // A loss explains more than what it interrupted, such as a handshake.
      const failure = session.#lost ?? toAppError(error);
      session.destroy();
      throw failure;
    }
  }

  get extensions(): Extensions {
    return this.#extensions;
  }

  get isAlive(): boolean {
    return this.#lost === undefined;
  }

  /** Replies that are due. */
  get outstanding(): number {
    return this.#due.length + this.#unsent.length;
  }

  /** The upstream does not read as fast as it is sent to. */
  get isCongested(): boolean {
    return this.#lost === undefined && this.#socket.writableNeedDrain;
  }

  /** Sends one command line; what is sent in one turn of the event loop leaves in one write. */
  command(stage: ClientStage, line: string, onReply: (reply: Reply) => void): void {
    const due = { stage, onReply };
    if (this.#due.length > 0 && !this.#extensions.has('PIPELINING')) this.#unsent.push({ line, due });
    else this.#send(line, due);
  }

  /** Sends a part of the message; with the last one goes whoever waits for the reply to all of it. */
  message(pieces: readonly Buffer[], onEnd?: (reply: Reply) => void): void {
    if (onEnd !== undefined) this.#expect({ stage: 'end', onReply: onEnd });
    this.#flush();
    for (const piece of pieces) if (piece.length > 0) this.#socket.write(piece);
    if (onEnd === undefined) {
      this.deadlineAt = this.isCongested ? this.#deadlines.in(clientStages.body.timeoutMs) : Infinity;
    }
  }

  /** Cuts the connection. Nothing that was begun is finished by that: an unended message is discarded. */
  destroy(): void {
    this.#fail(new AppError('upstream-lost', 'the session with the upstream server was given up'), false);
  }

  /** Leaves politely; for idle sessions. */
  quit(): void {
    this.#lost = new AppError('upstream-lost', 'the session with the upstream server was closed');
    this.owner = undefined;
    this.#deadlines.unwatch(this);
    this.#dialogue?.('C: QUIT');
    this.#socket.end('QUIT\r\n', () => this.#socket.destroySoon());
  }

  /** Nothing is due; when nobody has taken it by then, it leaves. */
  idleUntil(deadlineAt: number): void {
    this.deadlineAt = deadlineAt;
  }

  expire(): void {
    if (this.outstanding === 0 && !this.isCongested) {
      const { owner } = this;
      const closed = new AppError('upstream-lost', 'the idle session was closed');
      this.quit();
      return owner?.upstreamLost(closed);
    }
    const stage = clientStages[this.#due[0]?.stage ?? 'body'];
    const { host, port } = this.account.submission.smtp;
    this.#fail(
      new AppError('upstream-timeout', `${host}:${port} was silent for too long ${stage.text}`),
      true,
    );
  }

  async #converse<T>(conversation: Conversation<T>): Promise<T> {
    let step = conversation.next();
    while (step.done !== true) {
      const { stage, line, shown } = step.value;
      step = conversation.next(await this.#exchange(stage, line, shown));
    }
    return step.value;
  }

  #exchange(stage: ClientStage, line: string | undefined, shown: string | undefined): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost);
      this.owner = {
        upstreamLost: reject,
        upstreamSpoke: (reply) => this.#fail(unasked(reply), true),
        upstreamDrained: () => undefined,
      };
      this.#send(line ?? '', { stage, onReply: resolve }, shown);
    });
  }

  async #secure(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    // Whoever sits on the wire could have put commands' answers in front of the handshake (CVE-2011-0411).
    if (this.#replies.pendingOctets > 0) {
      throw new AppError('upstream-tls', 'the upstream server sent octets in clear after STARTTLS');
    }
    this.#socket.removeAllListeners('data');
    this.#socket.removeAllListeners('drain');
    this.deadlineAt = this.#deadlines.in(clientStages.tls.timeoutMs);
    const secure = await startTls(this.#socket, this.account.submission.smtp, this.account.client);
    this.#socket.removeAllListeners('close');
    this.#socket = secure;
    this.#listen();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('drain', () => {
      if (this.#due.length === 0) this.deadlineAt = Infinity;
      this.owner?.upstreamDrained();
    });
    socket.on('error', (error) => this.#fail(this.#connectionLost(describeCause(error)), true));
    socket.on('close', () => this.#fail(this.#connectionLost('it closed the connection'), true));
  }

  #connectionLost(why: string): AppError {
    const { host, port } = this.account.submission.smtp;
    const stage = this.#due[0]?.stage;
    const when = stage === undefined ? '' : ` ${clientStages[stage].text}`;
    return new AppError('upstream-lost', `${host}:${port}: ${why}${when}`);
  }

  #send(line: string, due: Due, shown = line.trimEnd()): void {
    if (line !== '') this.#dialogue?.(`C: ${shown}`);
    if (line !== '' && this.#out === '') queueMicrotask(() => this.#flush());
    this.#out += line;
    this.#expect(due);
  }

  #expect(due: Due): void {
    this.#due.push(due);
    if (this.#due.length === 1) this.deadlineAt = this.#deadlines.in(clientStages[due.stage].timeoutMs);
  }

  #flush(): void {
    if (this.#out === '' || this.#lost !== undefined) return;
    this.#socket.write(this.#out, 'latin1');
    this.#out = '';
  }

  #receive(chunk: Buffer): void {
    this.#replies.push(chunk);
    try {
      for (let reply = this.#replies.next(); reply !== undefined; reply = this.#replies.next()) {
        this.#dialogue?.(`S: ${replyText(reply)}`);
        this.#deliver(reply);
        if (this.#lost !== undefined) return;
      }
    } catch (error) {
      this.#fail(toAppError(error), true);
    }
  }

  #deliver(reply: Reply): void {
    const due = this.#due.shift();
    const next = this.#due[0] ?? this.#unsent[0]?.due;
    this.deadlineAt = next === undefined ? Infinity : this.#deadlines.in(clientStages[next.stage].timeoutMs);
    if (due === undefined) this.owner?.upstreamSpoke(reply);
    else due.onReply(reply);
    if (reply.code === 421) this.#fail(goodbye(reply), true);
    const unsent = this.#lost === undefined ? this.#unsent.shift() : undefined;
    if (unsent !== undefined) this.#send(unsent.line, unsent.due);
  }

  #fail(error: AppError, tell: boolean): void {
    if (this.#lost !== undefined) return;
    this.#lost = error;
    this.#deadlines.unwatch(this);
    this.#socket.destroy();
    const { owner } = this;
    this.owner = undefined;
    if (tell) owner?.upstreamLost(error);
  }
}

function unasked(reply: Reply): AppError {
  return new AppError('upstream-protocol', `the upstream server said "${replyText(reply)}" unasked`);
}

function goodbye(reply: Reply): AppError {
  const said = replyText(reply);
  return new AppError('upstream-refused', `the upstream server ended the session: ${said}`, {
    publicDetail: said.slice(0, 200),
  });
}

/** Our name for EHLO: the host's, when it is one that other servers accept, else an address literal. */
export function ehloName(hostname: string): string {
  if (isIP(hostname)) return hostname.includes(':') ? `[IPv6:${hostname}]` : `[${hostname}]`;
  return /^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/.test(hostname) ? hostname : '[127.0.0.1]';
}
