/**
 * AUTH in a client's session (RFC 4954): the exchange, the reply to each of its lines, and who the client is
 * afterwards. While a proof is checked nothing more is read. Names are logged, proofs never; a refusal when it is
 * certain, so that who hangs up at its challenge has not guessed unseen.
 */
import { AppError } from '../core/errors.js';
import type { LogFields } from '../core/logger.js';
import { type Proof, SaslExchange, type ServerStep } from '../protocol/sasl/server.js';
import type { AuthCommand } from '../protocol/smtp/command.js';
import { type Line, withoutLineEnd } from '../protocol/smtp/lines.js';
import { makeReply, type Reply } from '../protocol/smtp/reply.js';
import type { ServerProtocol } from '../protocol/smtp/server.js';
import type { AuthVerdict, Identity } from '../submission/identity.js';
import { ClientUpstream } from './client-upstream.js';
import { replyForUncheckable } from './policy.js';
import type { ReplyPlace } from './reply-queue.js';
import type { SessionContext } from './session-context.js';

export interface ClientAuthOptions {
  readonly context: SessionContext;
  readonly protocol: ServerProtocol;
  readonly session: string;
  /** The client's address. */
  readonly peer: string;
  /** Answers, and counts the error. */
  readonly fail: (place: ReplyPlace, reply: Reply) => void;
}

const mostNameCharacters = 255;
/** What is turned away unseen costs next to nothing; nothing at all it costs while it waits for that to be said. */
const limitedReplyMs = 1000;

/** RFC 4954, 4 and 6. */
const replies = {
  accepted: makeReply(235, '7.0', 'Authentication succeeded'),
  cancelled: makeReply(501, '7.0', 'Authentication cancelled'),
  undecodable: makeReply(501, '5.2', 'Cannot decode the response: it is no base64'),
  malformed: makeReply(501, '5.2', 'Malformed response'),
  refused: makeReply(535, '7.8', 'Authentication credentials invalid'),
  tooLong: makeReply(500, '5.6', 'Authentication exchange line is too long'),
  unknownMechanism: makeReply(504, '5.4', 'Unrecognized authentication mechanism'),
  again: makeReply(503, '5.1', 'Already authenticated'),
  inClear: makeReply(538, '7.11', 'Encryption required: send STARTTLS first'),
};

export class ClientAuth {
  readonly #options: ClientAuthOptions;
  #identity: Identity | undefined;
  #exchange: SaslExchange | undefined;
  #upstream: ClientUpstream | undefined;
  #isClosed = false;
  /** There is a verdict on the proof of this exchange. */
  #isJudged = false;
  #mechanism = '';
  /** As the client calls itself, for the log. */
  #user: string | undefined;

  constructor(options: ClientAuthOptions) {
    this.#options = options;
  }

  /** Who the client has proved to be. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** Where the client sends with its own token: its sessions, once it has signed in. */
  get upstream(): ClientUpstream | undefined {
    return this.#upstream;
  }

  /** The client is gone. */
  close(): void {
    this.#isClosed = true;
    this.#upstream?.close();
  }

  /** The lines of EHLO's reply. */
  get offered(): readonly string[] {
    const mechanisms = this.#options.context.port.authenticator?.mechanisms ?? [];
    return mechanisms.length === 0 ? [] : [`AUTH ${mechanisms.join(' ')}`];
  }

  begin({ initialResponse, mechanism }: AuthCommand, place: ReplyPlace): void {
    const { context, protocol } = this.#options;
    this.#mechanism = mechanism.toUpperCase();
    this.#user = undefined;
    this.#isJudged = false;
    if (this.#identity !== undefined) return this.#end(place, replies.again);
    if (protocol.offersStartTls) return this.#end(place, replies.inClear);
    const isOffered = context.port.authenticator?.mechanisms.includes(this.#mechanism) === true;
    this.#exchange = isOffered ? SaslExchange.of(this.#mechanism) : undefined;
    if (this.#exchange === undefined) return this.#end(place, replies.unknownMechanism);
    this.#follow(this.#exchange, this.#exchange.begin(initialResponse), place);
  }

  respond(line: Line, place: ReplyPlace): void {
    if (typeof line !== 'string' && line.fault === 'too-long') return this.#end(place, replies.tooLong);
    if (typeof line !== 'string' || this.#exchange === undefined)
      return this.#end(place, replies.undecodable);
    this.#follow(this.#exchange, this.#exchange.respond(withoutLineEnd(line)), place);
  }

  #follow(exchange: SaslExchange, step: ServerStep, place: ReplyPlace): void {
    switch (step.kind) {
      case 'challenge':
        this.#options.protocol.authContinues();
        return place.answer({ code: 334, lines: [step.base64] });
      case 'check':
        return void this.#check(exchange, step.proof, place);
      case 'refused':
        if (!this.#isJudged) this.#warn('client refused', {});
        return this.#end(place, replies.refused);
      case 'cancelled':
      case 'malformed':
      case 'undecodable':
        return this.#end(place, replies[step.kind]);
    }
  }

  async #check(exchange: SaslExchange, proof: Proof, place: ReplyPlace): Promise<void> {
    const { context, peer, protocol, session } = this.#options;
    this.#user = proof.user?.slice(0, mostNameCharacters);
    const passesOn = context.port.settings.auth?.upstreamToken === 'client';
    const confirm = passesOn ? (identity: Identity) => this.#signInUpstream(identity) : undefined;
    const verdict = (await context.port.authenticator?.authenticate(proof, peer, confirm)) ?? {
      kind: 'refused',
    };
    this.#isJudged = true;
    switch (verdict.kind) {
      case 'accepted':
        this.#identity = verdict.identity;
        context.logger.info(
          { session, peer, user: verdict.identity.user, mechanism: this.#mechanism },
          'client signed in',
        );
        protocol.authEnded();
        return place.answer(replies.accepted);
      case 'refused':
        this.#warn('client refused', {});
        return this.#follow(exchange, exchange.refused(verdict.challenge), place);
      case 'unavailable': {
        const { cause } = verdict;
        this.#warn('client could not be checked', { cause: cause.message, hint: cause.hint });
        const end = () => this.#end(place, replyForUncheckable(cause));
        // Who would go on at once is no client but a flood.
        if (cause.code === 'auth-limited') return void context.clock.setTimer(limitedReplyMs, end);
        return end();
      }
    }
  }

  async #signInUpstream(identity: Identity): Promise<AuthVerdict> {
    const upstream = ClientUpstream.of(identity, this.#options.context);
    const verdict = (await upstream?.verdict(identity, this.#options.session)) ?? {
      kind: 'unavailable',
      // Which names have accounts is not for everybody to find out.
      isGuess: true,
      cause: new AppError(
        'account-unknown',
        `no usable account says at which server ${identity.user} sends`,
        { hint: 'give it an account, or set "default_account"' },
      ),
    };
    if (verdict.kind === 'accepted' && !this.#isClosed) this.#upstream = upstream;
    else upstream?.close();
    return verdict;
  }

  /** The exchange has failed. */
  #end(place: ReplyPlace, reply: Reply): void {
    this.#exchange = undefined;
    this.#options.protocol.authEnded();
    this.#options.fail(place, reply);
  }

  #warn(message: string, why: LogFields): void {
    const { context, peer, session } = this.#options;
    const fields = { session, peer, user: this.#user, mechanism: this.#mechanism, ...why };
    context.floodLog.log('warn', fields, message, peer);
  }
}
