/**
 * Sign-ins from the page: who was let in sends the form, the provider sends the browser back to `/`, and the answer
 * counts once, with its state, in the browser that has the cookie of that sign-in. That cookie is SameSite=Lax, for the
 * provider is another site, and so is kept apart from the one that lets into the page.
 */
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Account } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import { toAppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { AccountSignIn } from '../refresh/account-sign-in.js';
import type { Access } from './access.js';
import { type Answer, plain } from './answer.js';
import { cookiesOf, digestOf, randomWord } from './cookies.js';
import { isFormFromHere } from './guard.js';
import { originOf, redirectFor } from './redirect.js';
import { departure, detour, failed, ignored, signedIn } from './sign-in-pages.js';
import type { StatusSource } from './source.js';

/** How a sign-in of an account is begun. Throws AppError. */
export type BeginSignIn = (account: Account, redirectUri: string) => Promise<AccountSignIn>;

/** For a password, a second factor and a thought. */
const patienceSeconds = 600;
/** More than anyone does at once; the oldest are forgotten. */
const mostPending = 20;
/** Of a form with the name of an account. */
const mostOctets = 4_096;

type CodeAnswer = Parameters<AccountSignIn['finish']>[0];

interface Pending {
  readonly account: string;
  readonly signIn: AccountSignIn;
  /** Where the page was open, and where the browser comes back. */
  readonly home: string;
  readonly origin: string;
  readonly until: number;
  readonly cookieName: string;
  /** Digests: of what begins it under its own name, and of the cookie that it has since then. */
  ticket: string | undefined;
  cookie: string | undefined;
}

export interface SignInDeskOptions {
  readonly access: Access;
  readonly begin: BeginSignIn;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly roster: StatusSource['roster'];
}

export class SignInDesk {
  readonly #options: SignInDeskOptions;
  /** By state. */
  readonly #pending = new Map<string, Pending>();
  readonly #finishing = new Set<Promise<Answer>>();

  constructor(options: SignInDeskOptions) {
    this.#options = options;
  }

  /** `POST /authorize`, with the field `account`. */
  async begin(request: IncomingMessage): Promise<Answer> {
    const { access, begin, clock, logger, roster } = this.#options;
    if (!isFormFromHere(request)) return plain(403, 'asked for by a page of another site');
    if (!access.admitsBrowser(request))
      return plain(401, 'run mailbearer dashboard, and open the URL that it prints');
    const name = (await formOf(request))?.get('account');
    const found = roster.accounts().find(({ account }) => account.name === name);
    const account = found && roster.signInOf(found.account);
    if (account === undefined) return ignored(404, 'There is no such account that can be signed in here.');
    const home = originOf(request.headers.host ?? '');
    const { origin, uri } = redirectFor(request.headers.host ?? '', account.provider);
    try {
      const signIn = await begin(account, uri);
      const ticket = randomWord();
      const pending: Pending = {
        account: account.name,
        signIn,
        home: `${home}/`,
        origin,
        until: clock.now() + patienceSeconds * 1000,
        cookieName: `mailbearer-${signIn.state.slice(0, 8)}`,
        ticket: digestOf(ticket),
        cookie: undefined,
      };
      this.#remember(pending);
      return origin === home ? depart(pending) : detour(`${origin}/authorize?ticket=${ticket}`);
    } catch (error) {
      const problem = toAppError(error);
      const { code, hint, message } = problem;
      logger.warn({ account: account.name, code, hint }, `no sign-in from the status page: ${message}`);
      return failed(problem, '/');
    }
  }

  /** `GET /authorize`, where the form was sent under another name of this machine. */
  continue(request: IncomingMessage): Answer {
    const ticket = digestOf(queryOf(request).get('ticket') ?? '');
    const pending = [...this.#pending.values()].find((one) => one.ticket === ticket);
    const isItsPlace = pending?.origin === originOf(request.headers.host ?? '');
    if (pending === undefined || !isItsPlace || this.#isOver(pending))
      return ignored(403, 'This address was used, or is too old. Authorize again.');
    return depart(pending);
  }

  /** Whether a provider sends it, or somebody who would like to be taken for one. */
  isAnswer(request: IncomingMessage): boolean {
    const query = queryOf(request);
    // The page has a `state` of its own, which is none of these.
    const isOfSignIn = query.has('code') || query.has('error') || this.#pending.has(query.get('state') ?? '');
    return request.method === 'GET' && query.has('state') && isOfSignIn;
  }

  /** `GET /` with the answer of the provider. */
  async finish(request: IncomingMessage): Promise<Answer> {
    const query = queryOf(request);
    const pending = this.#pending.get(query.get('state') ?? '');
    if (pending === undefined || this.#isOver(pending))
      return ignored(400, 'This is no answer to a sign-in that waits for one: it was used, or is too old.');
    const { cookieName, signIn } = pending;
    // The sign-in goes on: who has seen its address shall not be able to end it.
    if (!cookiesOf(request, cookieName).some((value) => digestOf(value) === pending.cookie))
      return ignored(
        403,
        'This sign-in was begun in another browser, or under another name of this machine.',
      );
    const answer = signIn.read(query);
    if (typeof answer === 'string') return ignored(400, `This is no answer to the sign-in: ${answer}.`);
    this.#pending.delete(signIn.state);
    const finishing = this.#redeem(pending, answer).finally(() => this.#finishing.delete(finishing));
    this.#finishing.add(finishing);
    return finishing;
  }

  /** Resolves when no tokens are under way any more. */
  async close(): Promise<void> {
    this.#pending.clear();
    await Promise.allSettled(this.#finishing);
  }

  async #redeem({ account, cookieName, home, signIn }: Pending, answer: CodeAnswer): Promise<Answer> {
    const { logger } = this.#options;
    const forget = cookieText(cookieName, '', 0);
    try {
      await signIn.finish(answer);
      logger.info({ account }, 'signed in from the status page');
      return signedIn(account, home, forget);
    } catch (error) {
      const problem = toAppError(error);
      const { code, hint, message } = problem;
      logger.warn({ account, code, hint }, `a sign-in from the status page failed: ${message}`);
      return failed(problem, home, forget);
    }
  }

  #remember(pending: Pending): void {
    for (const [state, other] of this.#pending) if (this.#isOver(other)) this.#pending.delete(state);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size >= mostPending && oldest !== undefined) this.#pending.delete(oldest);
    this.#pending.set(pending.signIn.state, pending);
  }

  #isOver({ until }: Pending): boolean {
    return until <= this.#options.clock.now();
  }
}

/** Binds it to the browser that asks, and sends that on. */
function depart(pending: Pending): Answer {
  const { cookieName, signIn } = pending;
  const cookie = randomWord();
  pending.ticket = undefined;
  pending.cookie = digestOf(cookie);
  return departure(signIn.authorizationUrl, signIn.mailbox, cookieText(cookieName, cookie, patienceSeconds));
}

function cookieText(name: string, value: string, seconds: number): string {
  return `${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax`;
}

function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  return new URLSearchParams(/\?([^#]*)/.exec(url)?.[1]);
}

/** Undefined for what no page of ours sends. */
async function formOf(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const length = Number(request.headers['content-length']);
  if (!(length <= mostOctets)) return undefined;
  return new URLSearchParams(await text(request));
}
