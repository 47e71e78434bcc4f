/**
 * The client's side of an SMTP session up to the point where mail can be sent: greeting, EHLO, STARTTLS, EHLO,
 * AUTH. It is a conversation without I/O: generators that yield what to send and are handed the reply. Who
 * runs them owns the socket and the time.
 */
import { AppError } from '../../core/errors.js';
import { type ErrorChallenge, parseErrorChallenge } from '../sasl/challenge.js';
import { chooseMechanism, type MechanismName } from '../sasl/choose.js';
import type { Credentials } from '../sasl/mechanism.js';
import { enhancedDetail } from './codes.js';
import { printable, type Reply, replyText } from './reply.js';
import type { ClientStage } from './states.js';

/** RFC 4954, 4: an initial response must fit the 512-octet command line; Gmail and Postfix do enforce limits. */
const longestCommandOctets = 512;

/** Upper-case keyword to its parameters, also upper case. */
export type Extensions = ReadonlyMap<string, readonly string[]>;

/** Sends `line` (none while the greeting is awaited) and waits for one reply. */
export interface LoginStep {
  readonly stage: ClientStage;
  readonly line: string | undefined;
  /** What to log instead of a line that holds a token. */
  readonly shown: string | undefined;
  /** What the line holds and the reply must not repeat (see withoutEcho). */
  readonly secrets: readonly string[];
}

/**
 * A part of the conversation; it returns when its part is done and throws AppError when that cannot be. What befalls
 * the connection meanwhile is thrown into it.
 */
export type Conversation<T> = Generator<LoginStep, T, Reply>;

export interface HelloOptions {
  /** False after STARTTLS: the greeting came before it. */
  readonly awaitGreeting: boolean;
  /** Our name in EHLO. */
  readonly clientName: string;
}

export interface SignInOptions extends HelloOptions {
  readonly mechanism: MechanismName | undefined;
  readonly credentials: Credentials;
}

/** The server refused AUTH, or thought better of it later; what it said decides what happens next. */
export class AuthRefused extends AppError {
  readonly reply: Reply;
  readonly challenge: ErrorChallenge | undefined;

  /** @param what was sent, as a message names it: `AUTH XOAUTH2 as user`, `MAIL` */
  constructor(what: string, reply: Reply, challenge?: ErrorChallenge) {
    const why = challenge === undefined ? '' : ` after the challenge ${printable(challenge.text)}`;
    super('upstream-auth', `${what} was answered ${replyText(reply)}${why}`, {
      publicDetail: replyText(reply).slice(0, 200),
    });
    this.reply = reply;
    this.challenge = challenge;
  }

  /**
   * Whether another token may help. A challenge's status decides, whatever the last word is, as sasl-xoauth2 judges
   * (400 and 401 blame the token; RFC 7628 says invalid_token). Without one the reply does, and a 4yz only says that
   * the server could not check.
   */
  get blamesToken(): boolean {
    const status = this.challenge?.status;
    if (status === undefined) return isTokenRefusal(this.reply);
    return ['400', '401', 'invalid_token', 'invalid_request'].includes(status);
  }

  /** Whether it is about the account, or its token; else the server could not check. */
  get isVerdict(): boolean {
    return this.reply.code >= 500 || this.blamesToken;
  }
}

/**
 * Whether a reply, at AUTH or later, says that the token is not good: 530 and 535 (RFC 4954, 6), and Microsoft's
 * `501 5.5.127 … Token will expire soon`.
 */
export function isTokenRefusal(reply: Reply): boolean {
  const { code } = reply;
  return code === 530 || code === 535 || (code === 501 && enhancedDetail(reply.lines[0] ?? '') === '5.127');
}

/** Up to the point where the TLS handshake begins (RFC 3207). What was offered so far is to be forgotten. */
export function* requestStartTls(clientName: string): Conversation<void> {
  requireCode(yield step('greeting'), 220, 'greeting');
  const extensions = yield* sayHello(clientName);
  if (!extensions.has('STARTTLS')) {
    throw new AppError('upstream-tls', 'the upstream server offers no STARTTLS', {
      hint: 'check smtp.host and smtp.port; a server that speaks TLS from the start needs "tls": "implicit"',
    });
  }
  requireCode(yield step('starttls', 'STARTTLS'), 220, 'starttls');
}

/** EHLO; returns what the server offers. */
export function* hello(options: HelloOptions): Conversation<Extensions> {
  if (options.awaitGreeting) requireCode(yield step('greeting'), 220, 'greeting');
  return yield* sayHello(options.clientName);
}

/** EHLO and AUTH; returns what the server offers to an authenticated client. */
export function* signIn(options: SignInOptions): Conversation<Extensions> {
  const extensions = yield* hello(options);
  yield* authenticate(options, extensions);
  return extensions;
}

function* sayHello(clientName: string): Conversation<Extensions> {
  const reply = yield step('ehlo', `EHLO ${clientName}`);
  requireCode(reply, 250, 'ehlo');
  const extensions = new Map<string, readonly string[]>();
  for (const line of reply.lines.slice(1)) {
    // `AUTH=LOGIN` is an old spelling that some servers still add.
    const [keyword, ...parameters] = line.toUpperCase().trim().split(/[ =]+/);
    if (keyword) extensions.set(keyword, [...(extensions.get(keyword) ?? []), ...parameters]);
  }
  return extensions;
}

/** AUTH and what follows it. Throws AppError upstream-mechanism when nothing offered fits, and AuthRefused. */
export function* authenticate(
  options: Pick<SignInOptions, 'mechanism' | 'credentials'>,
  extensions: Extensions,
): Conversation<void> {
  const offered = new Set(extensions.get('AUTH') ?? []);
  const mechanism = chooseMechanism(offered, options.mechanism);
  if (mechanism === undefined) {
    const list = offered.size === 0 ? 'no AUTH at all' : `AUTH ${[...offered].join(' ')}`;
    throw new AppError('upstream-mechanism', `the upstream server offers ${list}`, {
      hint: `mailbearer needs ${options.mechanism?.toUpperCase() ?? 'XOAUTH2 or OAUTHBEARER'} there: check the host, the port and "mechanism"`,
    });
  }
  const response = mechanism.response(options.credentials);
  const secrets = [response, options.credentials.token.reveal()];
  const oneLine = `AUTH ${mechanism.keyword} ${response}`;
  let reply: Reply;
  if (oneLine.length + 2 <= longestCommandOctets) {
    reply = yield step('auth', oneLine, `AUTH ${mechanism.keyword} [redacted]`, secrets);
  } else {
    reply = yield step('auth', `AUTH ${mechanism.keyword}`);
    if (reply.code === 334) reply = yield step('auth', response, '[redacted]', secrets);
  }
  const what = `AUTH ${mechanism.keyword} as ${options.credentials.user}`;
  let challenge: ErrorChallenge | undefined;
  if (reply.code === 334) {
    challenge = parseErrorChallenge(reply.lines.join(''));
    const soFar = new AuthRefused(what, reply, challenge);
    try {
      reply = yield step('auth', mechanism.errorAnswer, mechanism.errorAnswer, secrets);
    } catch (error) {
      // It has said enough before it went.
      throw soFar.blamesToken ? soFar : error;
    }
  }
  if (reply.code === 235) return;
  const refusal = new AuthRefused(what, reply, challenge);
  throw reply.code === 421 && !refusal.blamesToken ? refused(reply, 'auth') : refusal;
}

function step(stage: ClientStage, line?: string, shown = line, secrets: readonly string[] = []): LoginStep {
  return { stage, line: line === undefined ? undefined : `${line}\r\n`, shown, secrets };
}

function requireCode(reply: Reply, code: number, stage: ClientStage): void {
  if (reply.code !== code) throw refused(reply, stage);
}

function refused(reply: Reply, stage: ClientStage): AppError {
  const said = replyText(reply);
  return new AppError('upstream-refused', `the upstream server answered ${said} (${stage})`, {
    publicDetail: said.slice(0, 200),
  });
}
