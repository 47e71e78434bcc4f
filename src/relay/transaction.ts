/**
 * One message on its way: MAIL, RCPTs, DATA and the octets of the message go up through a session of the
 * account, the replies come down. Commands are passed on as they come, without waiting for replies in between;
 * those that come while the session is still being opened wait here and leave in one write.
 *
 * What it promises: every command gets exactly one reply; the end of a message is sent only when it was
 * received; nothing is acknowledged but by the upstream.
 */
import { AppError, toAppError } from '../core/errors.js';
import type { BodyEvent } from '../protocol/smtp/server.js';
import { isTokenRefusal } from '../protocol/smtp/client.js';
import type { PathCommand } from '../protocol/smtp/command.js';
import { isPositive, makeReply, type Reply, replyText } from '../protocol/smtp/reply.js';
import type { LiveAccount } from '../refresh/token-source.js';
import { commandFor } from './extensions.js';
import type { MessageResult } from './message-log.js';
import { MessageSize } from './message-size.js';
import type { Offer } from './offer.js';
import type { UpstreamPool } from './pool.js';
import {
  authenticationCodes,
  isExpected,
  relayedReply,
  replyForFailure,
  replyForUnsafeBody,
  type StageOfMessage,
} from './policy.js';
import type { Respond } from './reply-queue.js';
import type { UpstreamOwner, UpstreamSession } from './upstream.js';

/** The client's session: what it allows, and what it must know. */
export interface TransactionObserver {
  /** Of a message, by our own limit. */
  readonly mostOctets: number;
  readonly offer: Offer | undefined;
  /** It ended before a message was sent; `reply` also answers RCPT and DATA that still come. */
  refused(reply: Reply, cause: AppError | undefined): void;
  /** The reply to DATA went out; true opens the message. */
  dataAnswered(accepted: boolean): void;
  /** The reply to the message went out; the transaction is over. */
  ended(result: MessageResult): void;
  /** The upstream reads again. */
  drained(): void;
}

type Relayed = PathCommand | { readonly verb: 'DATA' };

interface Entry {
  readonly command: Relayed;
  readonly respond: Respond;
}

const stages: Readonly<Record<Relayed['verb'], StageOfMessage>> = {
  MAIL: 'mail',
  RCPT: 'rcpt',
  DATA: 'data',
};

export class Transaction implements UpstreamOwner {
  readonly live: LiveAccount;
  readonly #pool: UpstreamPool;
  readonly #observer: TransactionObserver;
  #upstream: UpstreamSession | undefined;
  /** Commands without a reply yet, in order; before a session is there, and while it may have to be replaced. */
  #entries: Entry[] = [];
  /** What the upstream has accepted: said again on another session when the token had to be renewed. */
  readonly #accepted: PathCommand[] = [];
  #anyReply = false;
  #reused = false;
  #renewed = false;
  /** Set when MAIL was refused; answers what was pipelined behind it, so that no 503 is about a recipient. */
  #refusal: Reply | undefined;
  /** Set when the session was lost, or a token refused: whatever still comes is answered with it. */
  #failure: AppError | undefined;
  #abandoned: 'by-reset' | 'by-disconnect' | undefined;
  #octets = 0;
  #size: MessageSize | undefined;
  #unsafe = false;
  #inBody = false;
  /** A refusal from before the message had ended: the upstream's, or ours of one that is too large. */
  #earlyReply: Reply | undefined;
  #respondToEnd: Respond | undefined;

  constructor(live: LiveAccount, pool: UpstreamPool, observer: TransactionObserver) {
    this.live = live;
    this.#pool = pool;
    this.#observer = observer;
  }

  /** The message has begun and its end has not come. */
  get isInBody(): boolean {
    return this.#inBody && this.#respondToEnd === undefined;
  }

  /** Whether the sender of the message should pause. */
  get isCongested(): boolean {
    return this.#upstream?.isCongested ?? false;
  }

  /** MAIL comes first and fetches a session; RCPT and DATA follow. */
  command(command: Relayed, respond: Respond): void {
    const answer = this.#failure === undefined ? this.#refusal : this.#failureReply(this.#failure);
    if (answer !== undefined) {
      respond(answer);
      if (command.verb === 'DATA') this.#observer.dataAnswered(false);
      return;
    }
    const entry = { command, respond };
    this.#entries.push(entry);
    if (command.verb === 'MAIL') void this.#fetchSession(false);
    else if (this.#upstream !== undefined) this.#forward(this.#upstream, entry);
  }

  /** A part of the message; `respond` belongs to its end. */
  message(part: BodyEvent, respond: Respond | undefined): void {
    if (part.unsafe && !this.#unsafe) {
      this.#unsafe = true;
      this.#giveUpSession();
    }
    const tooLarge = this.#size?.add(part);
    if (tooLarge !== undefined && this.#failure === undefined) this.#refuseEarly(tooLarge);
    const sendable = this.#failure === undefined && this.#earlyReply === undefined && !this.#unsafe;
    if (sendable) {
      this.#octets += part.octets;
      this.#respondToEnd = respond;
      this.#upstream?.message(part.pieces, part.ended ? (reply) => this.#endAnswered(reply) : undefined);
    } else if (respond !== undefined) {
      this.#finish(respond, this.#discardedReply(), this.#failure);
    }
  }

  /**
   * The client has sent RSET or is gone. A session in mid-message is cut, so that the upstream never sees a
   * truncated message end; one that waits for the reply to a whole message is left to get it.
   */
  abandon(why: 'by-reset' | 'by-disconnect'): void {
    this.#abandoned = why;
    const upstream = this.#upstream;
    if (upstream === undefined || this.#respondToEnd !== undefined) return;
    if (this.isInBody || this.#entries.some(({ command }) => command.verb === 'DATA')) upstream.destroy();
    else this.#releaseWhenQuiet();
  }

  upstreamLost(error: AppError): void {
    // A kept session may have died of old age; as long as nobody was told anything, a fresh one takes over.
    // Not after a time-out: nobody waits that long twice.
    if (this.#mayStartAgain && error.code !== 'upstream-timeout') {
      this.#upstream = undefined;
      void this.#fetchSession(true);
    } else {
      this.#fail(error);
    }
  }

  upstreamSpoke(reply: Reply): void {
    if (this.#inBody && !isPositive(reply)) {
      this.#refuseEarly(relayedReply(reply, this.live.account.provider.accountReplies));
    } else if (reply.code !== 421) {
      // After a 421 the session itself says that it is lost.
      this.#giveUpSession();
      this.#fail(new AppError('upstream-protocol', `the upstream server said "${replyText(reply)}" unasked`));
    }
  }

  upstreamDrained(): void {
    this.#observer.drained();
  }

  async #fetchSession(fresh: boolean): Promise<void> {
    try {
      const upstream = await this.#pool.acquire(this.live, fresh);
      if (this.#abandoned === 'by-disconnect') return this.#pool.release(upstream, false);
      this.#upstream = upstream;
      this.#reused = upstream.transactions > 0;
      upstream.transactions++;
      upstream.owner = this;
      this.#sayAgain(upstream);
      for (const entry of [...this.#entries]) this.#forward(upstream, entry);
    } catch (error) {
      this.#fail(toAppError(error));
    }
  }

  #forward(upstream: UpstreamSession, entry: Entry): void {
    const { command } = entry;
    const line =
      command.verb === 'DATA' ? 'DATA\r\n' : commandFor(command, upstream.extensions, this.#observer.offer);
    if (this.#refusal !== undefined) this.#answer(entry, this.#refusal);
    else if (typeof line === 'string')
      upstream.command(stages[command.verb], line, (reply) => this.#take(entry, reply));
    else this.#answer(entry, line);
  }

  get #mayStartAgain(): boolean {
    return this.#reused && !this.#anyReply && this.#abandoned === undefined;
  }

  /** The upstream's reply to `entry`. */
  #take(entry: Entry, reply: Reply): void {
    // The good-bye of a session that had been idle for too long; upstreamLost follows.
    if (reply.code === 421 && this.#mayStartAgain) return;
    this.#anyReply = true;
    const stage = stages[entry.command.verb];
    const opensRefused = stage === 'data' && reply.code < 400 && this.#refusal !== undefined;
    if (opensRefused || !isExpected(stage, reply.code)) return this.#brokenOff(stage, reply);
    if (isTokenRefusal(reply) && !this.#renewed) return void this.#renew(reply);
    if (authenticationCodes.has(reply.code)) return this.#tokenRefused(reply);
    this.#answer(entry, relayedReply(reply, this.live.account.provider.accountReplies));
  }

  #answer(entry: Entry, reply: Reply): void {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    const { verb } = entry.command;
    // A lenient server accepts recipients without a sender; there is no message that they would get.
    const told = this.#refusal ?? reply;
    const accepted = isPositive(told);
    entry.respond(told);
    if (verb === 'MAIL' && !accepted) {
      this.#refusal = told;
      this.#observer.refused(told, undefined);
    }
    if (entry.command.verb !== 'DATA' && accepted) this.#accepted.push(entry.command);
    if (verb === 'DATA') this.#dataAnswered(accepted);
    if (this.#refusal !== undefined || this.#abandoned !== undefined) this.#releaseWhenQuiet();
  }

  #dataAnswered(accepted: boolean): void {
    this.#inBody = accepted;
    if (this.#upstream) this.#size = new MessageSize(this.#observer.mostOctets, this.#upstream.extensions);
    this.#observer.dataAnswered(accepted);
  }

  #endAnswered(reply: Reply): void {
    const respond = this.#respondToEnd;
    if (respond === undefined) return;
    if (!isExpected('end', reply.code)) return this.#brokenOff('end', reply);
    if (authenticationCodes.has(reply.code)) return this.#tokenRefused(reply);
    this.#finish(respond, relayedReply(reply, this.live.account.provider.accountReplies), undefined);
    this.#release(false);
  }

  #refuseEarly(reply: Reply): void {
    this.#earlyReply ??= reply;
    this.#giveUpSession();
  }

  #giveUpSession(): void {
    this.#upstream?.destroy();
    this.#observer.drained();
  }

  #brokenOff(stage: StageOfMessage, reply: Reply): void {
    this.#giveUpSession();
    const text = `the upstream server answered ${replyText(reply)} (${stage}), which makes no sense there`;
    this.#fail(new AppError('upstream-protocol', text));
  }

  /**
   * The server has thought better of the token, and not an octet of the message was sent: what was accepted is said
   * again on a fresh session with a new token, and then whatever still waits. The client sees a pause.
   */
  async #renew(refusal: Reply): Promise<void> {
    this.#renewed = true;
    const refused = this.#upstream;
    if (refused === undefined) return;
    this.#upstream = undefined;
    refused.destroy();
    const token = await this.live.tokens.renew(refused.token);
    if (token === undefined) return this.#tokenRefused(refusal);
    await this.#fetchSession(true);
  }

  #sayAgain(upstream: UpstreamSession): void {
    for (const command of this.#accepted) {
      const line = commandFor(command, upstream.extensions, this.#observer.offer);
      if (typeof line !== 'string') return this.#brokenOff(stages[command.verb], line);
      upstream.command(stages[command.verb], line, (reply) => {
        if (reply.code >= 300) this.#brokenOff(stages[command.verb], reply);
      });
    }
  }

  /** 530, 535 or 538 in mid-session: the session is of no more use, and no other token helps. */
  #tokenRefused(reply: Reply): void {
    this.#giveUpSession();
    const said = replyText(reply);
    this.#fail(
      new AppError('upstream-auth', `the upstream server answered ${said}`, {
        publicDetail: said.slice(0, 200),
      }),
    );
  }

  /** Everything that waits for a reply gets this failure; a message in flight is swallowed to its end. */
  #fail(error: AppError): void {
    this.#failure = error;
    const reply = this.#failureReply(error);
    const waiting = this.#entries;
    this.#entries = [];
    for (const { command, respond } of waiting) {
      respond(this.#refusal ?? reply);
      if (command.verb === 'DATA') this.#dataAnswered(false);
    }
    if (this.#respondToEnd !== undefined) this.#finish(this.#respondToEnd, reply, error);
    else if (this.#inBody) this.#observer.drained();
    else if (this.#refusal === undefined) this.#observer.refused(reply, error);
  }

  #failureReply(error: AppError): Reply {
    return replyForFailure(error, this.live.account.name);
  }

  #discardedReply(): Reply {
    if (this.#unsafe) return replyForUnsafeBody();
    if (this.#earlyReply !== undefined) return this.#earlyReply;
    return this.#failure === undefined
      ? makeReply(451, '3.0', 'Not sent')
      : this.#failureReply(this.#failure);
  }

  #finish(respond: Respond, reply: Reply, cause: AppError | undefined): void {
    this.#respondToEnd = undefined;
    this.#inBody = false;
    respond(reply);
    this.#observer.ended({ reply, recipients: this.#accepted.length - 1, octets: this.#octets, cause });
  }

  #releaseWhenQuiet(): void {
    if (this.#upstream?.outstanding === 0 && !this.#inBody) this.#release(true);
  }

  #release(reset: boolean): void {
    const upstream = this.#upstream;
    this.#upstream = undefined;
    if (upstream !== undefined) this.#pool.release(upstream, reset);
  }
}
