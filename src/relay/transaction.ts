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
import { AuthRefused, isTokenRefusal } from '../protocol/smtp/client.js';
import type { PathCommand } from '../protocol/smtp/command.js';
import { isPositive, type Reply, replyText } from '../protocol/smtp/reply.js';
import type { LiveAccount } from '../refresh/token-source.js';
import type { Asker, TokenRefusal } from './account-logins.js';
import { Entry, type EntryOwner, type Relayed, stageOf } from './entry.js';
import { commandFor } from './extensions.js';
import type { MessageResult } from './message-log.js';
import type { Offer } from './offer.js';
import { MessagePassage, type Outcome } from './passage.js';
import type { UpstreamSource } from './pool.js';
import { isExpected, isOfAccount, relayedReply, replyForFailure, type StageOfMessage } from './policy.js';
import type { ReplyPlace } from './reply-queue.js';
import type { DueReply, UpstreamOwner, UpstreamSession } from './upstream.js';

/** The client's session: what it allows, and what it must know. */
export interface TransactionObserver {
  /** By which the log knows the session. */
  readonly id: string;
  /** Of a message, by our own limit. */
  readonly mostOctets: number;
  readonly offer: Offer | undefined;
  /** It ended before a message was sent; `reply` also answers RCPT and DATA that still come. */
  refused(transaction: Transaction, reply: Reply, cause: AppError | undefined): void;
  /** The reply to DATA went out; true opens the message. */
  dataAnswered(accepted: boolean): void;
  /** The reply to the message went out; the transaction is over. */
  ended(transaction: Transaction, result: MessageResult): void;
  /** The upstream reads again. */
  drained(): void;
}

export class Transaction implements Asker, EntryOwner, UpstreamOwner {
  readonly live: LiveAccount;
  readonly session: string;
  readonly #pool: UpstreamSource;
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
  /** The message, once the upstream has agreed to take it. */
  #passage: MessagePassage | undefined;

  constructor(live: LiveAccount, pool: UpstreamSource, observer: TransactionObserver) {
    this.live = live;
    this.#pool = pool;
    this.#observer = observer;
    this.session = observer.id;
  }

  get isWanted(): boolean {
    return this.#abandoned !== 'by-disconnect';
  }

  /** The message has begun and its end has not come. */
  get isInBody(): boolean {
    return this.#passage !== undefined && !this.#passage.isComplete;
  }

  /** Whether the sender of the message should pause. */
  get isCongested(): boolean {
    return this.#upstream?.isCongested ?? false;
  }

  /** MAIL comes first and fetches a session; RCPT and DATA follow. */
  command(command: Relayed, place: ReplyPlace): void {
    const answer = this.#failure === undefined ? this.#refusal : this.#failureReply(this.#failure);
    if (answer !== undefined) {
      place.answer(answer);
      if (command.verb === 'DATA') this.#observer.dataAnswered(false);
      return;
    }
    const entry = new Entry(command, place, this);
    this.#entries.push(entry);
    if (command.verb === 'MAIL') this.#fetchSession();
    else if (this.#upstream !== undefined) this.#forward(this.#upstream, entry);
  }

  /** A part of the message; `place` is that of the reply to its end. */
  message(part: BodyEvent, place: ReplyPlace | undefined): void {
    this.#passage?.add(part, place, part.ended ? this.#endReply() : undefined);
  }

  /**
   * The client has sent RSET or is gone. A session in mid-message is cut, so that the upstream never sees a
   * truncated message end; one that waits for the reply to a whole message is left to get it.
   */
  abandon(why: 'by-reset' | 'by-disconnect'): void {
    this.#abandoned = why;
    const upstream = this.#upstream;
    if (upstream === undefined || this.#passage?.isComplete) return;
    if (this.isInBody || this.#entries.some(({ command }) => command.verb === 'DATA')) upstream.destroy();
    else this.#releaseWhenQuiet();
  }

  /** A kept session may have died of old age; as long as nobody was told anything, a fresh one takes over. */
  get startsAgain(): boolean {
    return this.#reused && !this.#anyReply && this.#abandoned === undefined;
  }

  upstreamLost(error: AppError): void {
    if (this.startsAgain) this.#replaceSession();
    else this.#fail(error);
  }

  upstreamSpoke(reply: Reply): void {
    if (this.#passage !== undefined && !isPositive(reply)) {
      this.#passage.refuse(relayedReply(reply, this.live.account.provider.accountReplies));
      this.#observer.drained();
    } else if (reply.code !== 421) {
      // After a 421 the session itself says that it is lost.
      this.#giveUpSession();
      this.#fail(new AppError('upstream-protocol', `the upstream server said "${replyText(reply)}" unasked`));
    }
  }

  upstreamDrained(): void {
    this.#observer.drained();
  }

  #fetchSession(): void {
    try {
      const upstream = this.#pool.acquire(this.live, this);
      // A session that is free needs no wait, and most messages of a busy relay find one.
      if (upstream instanceof Promise) this.#beginLater(upstream);
      else this.#begin(upstream);
    } catch (error) {
      this.#fail(toAppError(error));
    }
  }

  /** Its session has left its place to the next one. */
  #replaceSession(refusal?: TokenRefusal): void {
    this.#upstream = undefined;
    this.#beginLater(this.#pool.replace(this.live, this, refusal));
  }

  #beginLater(opening: Promise<UpstreamSession>): void {
    opening.then(
      (opened) => this.#begin(opened),
      (error: unknown) => this.#fail(toAppError(error)),
    );
  }

  #begin(upstream: UpstreamSession): void {
    if (this.#abandoned === 'by-disconnect') return upstream.release(false);
    this.#upstream = upstream;
    this.#reused = upstream.begin(this);
    this.#sayAgain(upstream);
    for (const entry of this.#entries.slice()) this.#forward(upstream, entry);
  }

  #forward(upstream: UpstreamSession, entry: Entry): void {
    const { command } = entry;
    const line =
      command.verb === 'DATA' ? 'DATA\r\n' : commandFor(command, upstream.extensions, this.#observer.offer);
    if (this.#refusal !== undefined) this.#answer(entry, this.#refusal);
    else if (typeof line === 'string') upstream.command(line, entry);
    else this.#answer(entry, line);
  }

  take(entry: Entry, reply: Reply): void {
    // The good-bye of a session that had been idle for too long; upstreamLost follows.
    if (reply.code === 421 && this.startsAgain) return;
    this.#anyReply = true;
    const { command, stage } = entry;
    const opensRefused = stage === 'data' && reply.code < 400 && this.#refusal !== undefined;
    if (opensRefused || !isExpected(stage, reply.code)) return this.#brokenOff(stage, reply);
    if (isTokenRefusal(reply) && !this.#renewed) return this.#renew(command.verb, reply);
    if (isOfAccount(reply)) return this.#accountRefused(command.verb, reply);
    this.#answer(entry, relayedReply(reply, this.live.account.provider.accountReplies));
  }

  #answer(entry: Entry, reply: Reply): void {
    if (this.#entries[0] === entry) this.#entries.shift();
    else this.#entries.splice(this.#entries.indexOf(entry), 1);
    const { verb } = entry.command;
    // A lenient server accepts recipients without a sender; there is no message that they would get.
    const told = this.#refusal ?? reply;
    const accepted = isPositive(told);
    entry.place.answer(told);
    if (verb === 'MAIL' && !accepted) {
      this.#refusal = told;
      this.#observer.refused(this, told, undefined);
    }
    if (entry.command.verb !== 'DATA' && accepted) this.#accepted.push(entry.command);
    if (verb === 'DATA') this.#dataAnswered(accepted);
    if (this.#refusal !== undefined || this.#abandoned !== undefined) this.#releaseWhenQuiet();
  }

  #dataAnswered(accepted: boolean): void {
    if (accepted && this.#upstream !== undefined) {
      const { mostOctets } = this.#observer;
      this.#passage = new MessagePassage(this.#upstream, mostOctets, (outcome) => this.#ended(outcome));
    }
    this.#observer.dataAnswered(accepted);
  }

  #endReply(): DueReply {
    return { stage: 'end', take: (reply) => this.#endAnswered(reply) };
  }

  #endAnswered(reply: Reply): void {
    if (!isExpected('end', reply.code)) return this.#brokenOff('end', reply);
    if (isOfAccount(reply)) return this.#accountRefused('the message', reply);
    this.#passage?.answered(relayedReply(reply, this.live.account.provider.accountReplies));
    this.#release(false);
  }

  #ended({ reply, cause }: Outcome): void {
    const octets = this.#passage?.octets ?? 0;
    this.#passage = undefined;
    this.#observer.ended(this, { reply, recipients: this.#accepted.length - 1, octets, cause });
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
  #renew(what: string, reply: Reply): void {
    this.#renewed = true;
    const upstream = this.#upstream;
    if (upstream === undefined) return;
    upstream.destroy(true);
    this.#replaceSession({ token: upstream.token, error: new AuthRefused(what, reply) });
  }

  #sayAgain(upstream: UpstreamSession): void {
    for (const command of this.#accepted) {
      const stage = stageOf[command.verb];
      const line = commandFor(command, upstream.extensions, this.#observer.offer);
      if (typeof line !== 'string') {
        this.#giveUpSession();
        return this.#fail(replacementRefused(command.verb, line));
      }
      upstream.command(line, {
        stage,
        take: (reply) => {
          if (!isExpected(stage, reply.code)) return this.#brokenOff(stage, reply);
          // Who has left meanwhile left it to this reply to free the session.
          if (isPositive(reply)) return this.#abandoned === undefined ? undefined : this.#releaseWhenQuiet();
          if (isOfAccount(reply)) return this.#accountRefused(command.verb, reply);
          this.#giveUpSession();
          this.#fail(replacementRefused(command.verb, reply));
        },
      });
    }
  }

  /** In mid-session, where no other token is to be tried: the session is of no more use. */
  #accountRefused(what: string, reply: Reply): void {
    const error = new AuthRefused(what, reply);
    const token = this.#upstream?.token;
    this.#giveUpSession();
    if (this.#renewed && token !== undefined) this.#pool.refused(this.live, { token, error }, this.session);
    this.#fail(error);
  }

  /** Everything that waits for a reply gets this failure; a message in flight is swallowed to its end. */
  #fail(error: AppError): void {
    this.#failure = error;
    const reply = this.#failureReply(error);
    const waiting = this.#entries;
    this.#entries = [];
    for (const { command, place } of waiting) {
      place.answer(this.#refusal ?? reply);
      if (command.verb === 'DATA') this.#dataAnswered(false);
    }
    if (this.#passage !== undefined) {
      this.#passage.stop({ reply, cause: error });
      this.#observer.drained();
    } else if (this.#refusal === undefined) this.#observer.refused(this, reply, error);
  }

  #failureReply(error: AppError): Reply {
    return replyForFailure(error, this.live.account.name);
  }

  #releaseWhenQuiet(): void {
    if (this.#upstream?.outstanding === 0 && this.#passage === undefined) this.#release(true);
  }

  #release(reset: boolean): void {
    const upstream = this.#upstream;
    this.#upstream = undefined;
    upstream?.release(reset);
  }
}

/** What one session has accepted, and the client was told so, the next one does not. */
function replacementRefused(verb: string, reply: Reply): AppError {
  const said = replyText(reply);
  const text = `the upstream server accepted ${verb} before its session had to be replaced, and then answered ${said}`;
  return new AppError('upstream-refused', text, { publicDetail: said.slice(0, 200) });
}
