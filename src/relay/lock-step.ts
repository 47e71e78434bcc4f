/**
 * A connection to an upstream server on which one command at a time waits for its reply: how a session begins.
 * It promises that each question ends, with a reply or an AppError upstream-*, and that nothing which came
 * unasked is ever taken for an answer. After a failure the socket is closed.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.js';
import { AppError, describeCause, toAppError } from '../core/errors.js';
import { withoutEcho } from '../protocol/sasl/echo.js';
import type { Conversation, LoginStep } from '../protocol/smtp/client.js';
import { type Reply, ReplyReader, replyText } from '../protocol/smtp/reply.js';
import { clientStages } from '../protocol/smtp/states.js';

interface Question {
  readonly step: LoginStep;
  readonly timer: Timer;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: AppError) => void;
}

export interface LockStepOptions {
  /** `host:port`, for messages. */
  readonly where: string;
  readonly clock: Clock;
  /** Gets each line of the conversation, tokens redacted. */
  readonly dialogue: ((line: string) => void) | undefined;
}

export class LockStep {
  readonly #socket: Socket;
  readonly #options: LockStepOptions;
  readonly #replies = new ReplyReader();
  #question: Question | undefined;
  #failure: AppError | undefined;
  readonly #onData = (chunk: Buffer) => this.#receive(chunk);
  readonly #onError = (error: Error) => this.#fail(this.#lost(describeCause(error)));
  readonly #onClose = () => this.#fail(this.#lost('it closed the connection'));

  constructor(socket: Socket, options: LockStepOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', this.#onData).on('error', this.#onError).on('close', this.#onClose);
  }

  /** Runs a part of the conversation to its end. */
  async converse<T>(conversation: Conversation<T>): Promise<T> {
    let step = conversation.next();
    while (step.done !== true) {
      const reply = await this.#ask(step.value).catch((error: unknown) => ({ error }));
      step = 'error' in reply ? conversation.throw(reply.error) : conversation.next(reply);
    }
    return step.value;
  }

  /** The socket, for whoever speaks on it next. Throws when more came than was asked for (CVE-2011-0411). */
  release(): Socket {
    if (this.#replies.isMidReply) this.#fail(this.#broken('sent a part of a reply unasked'));
    if (this.#failure !== undefined) throw this.#failure;
    this.#socket.off('data', this.#onData).off('error', this.#onError).off('close', this.#onClose);
    return this.#socket;
  }

  #ask(step: LoginStep): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const { timeoutMs, text } = clientStages[step.stage];
      const timer = this.#options.clock.setTimer(timeoutMs, () =>
        this.#fail(
          new AppError('upstream-timeout', `${this.#options.where} was silent for too long ${text}`),
        ),
      );
      this.#question = { step, timer, resolve, reject };
      if (step.line === undefined) return;
      this.#options.dialogue?.(`C: ${step.shown}`);
      this.#socket.write(step.line, 'latin1');
    });
  }

  #receive(chunk: Buffer): void {
    try {
      this.#replies.push(chunk);
      for (let reply = this.#replies.next(); reply !== undefined; reply = this.#replies.next())
        this.#answer(reply);
    } catch (error) {
      this.#fail(toAppError(error));
    }
  }

  #answer(said: Reply): void {
    const question = this.#question;
    const reply = withoutEcho(said, question?.step.secrets ?? []);
    if (question === undefined) throw this.#broken(`said "${replyText(reply)}" unasked`);
    this.#options.dialogue?.(`S: ${replyText(reply)}`);
    this.#question = undefined;
    question.timer.cancel();
    question.resolve(reply);
  }

  #fail(error: AppError): void {
    this.#failure ??= error;
    this.#socket.destroy();
    this.#question?.timer.cancel();
    this.#question?.reject(this.#failure);
    this.#question = undefined;
  }

  #broken(what: string): AppError {
    return new AppError('upstream-protocol', `${this.#options.where} ${what}`);
  }

  #lost(why: string): AppError {
    const stage = this.#question?.step.stage;
    const when = stage === undefined ? '' : ` ${clientStages[stage].text}`;
    return new AppError('upstream-lost', `${this.#options.where}: ${why}${when}`);
  }
}
