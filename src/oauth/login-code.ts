/**
 * A sign-in by authorization code with state and PKCE (RFC 6749, 4.1; RFC 7636): from the address to be opened in a
 * browser to the tokens. How the answer gets here, by a listener of its own, by the status page or pasted, is the
 * caller's. It prints nothing, and writes no file.
 */
import type { AppError } from '../core/errors.js';
import { classifyError, readable } from './classify.js';
import { prepareAuthorization } from './client.js';
import { type Answer, readAnswer, type RefusingAnswer } from './login-answer.js';
import { completeLogin, loginError, type LoginOptions, type SignedIn } from './login.js';

export interface CodeLoginOptions extends LoginOptions {
  readonly authorizationEndpoint: URL;
  /** The provider's own, such as Google's access_type=offline. */
  readonly authorizationParameters: Readonly<Record<string, string>>;
  /** Where the browser brings the answer; the same to the letter when the code is redeemed. */
  readonly redirectUri: string;
}

export interface CodeLogin {
  /** To be opened in a browser. */
  readonly authorizationUrl: string;
  /** Random; an answer counts only with it. */
  readonly state: string;
  /** The answer in these parameters, or why they are none. */
  read(parameters: URLSearchParams): Answer | string;
  /** Once. Throws AppError login-denied, client-rejected or refresh-transient. */
  redeem(answer: Answer, signal?: AbortSignal): Promise<SignedIn>;
}

/** Throws AppError config-invalid for endpoints that may not be used. */
export async function prepareCodeLogin(options: CodeLoginOptions): Promise<CodeLogin> {
  const { authorizationEndpoint, authorizationParameters, client, clock, redirectUri, scope } = options;
  const authorization = await prepareAuthorization(client, authorizationEndpoint, redirectUri, {
    ...authorizationParameters,
    ...(scope === undefined ? {} : { scope }),
  });
  const { state, url } = authorization;
  return {
    authorizationUrl: url.href,
    state,
    read: (parameters) => readAnswer(parameters, state),
    async redeem(answer, signal) {
      if ('error' in answer) throw refused(answer, authorizationEndpoint);
      const reply = await authorization.redeem(answer.code, { clock, signal });
      if (reply.kind === 'refused') throw loginError(reply.outcome, client.tokenEndpoint);
      return completeLogin(reply);
    },
  };
}

function refused({ error, description }: RefusingAnswer, endpoint: URL): AppError {
  const reason = readable(description === undefined ? error : `${error}: ${description}`, []);
  return loginError(classifyError(error, description, reason), endpoint);
}
