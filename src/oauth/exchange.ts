/**
 * One request and its answer, between http.ts, which knows bytes, and openid-client, which wants a clean success:
 * a success is normalised, anything else is thrown as `NotGranted` with what is known of it. It judges no token
 * and decides nothing about what a failure means.
 */
import { AppError } from '../core/errors.js';
import type { Refusal } from './classify.js';
import { get, type HttpAnswer, type HttpOptions, type HttpSettings, post } from './http.js';
import { type Fields, parseAnswer, readError } from './normalise.js';

/** Carries a refusal through openid-client, which wraps what it does not know as `cause`. */
class NotGranted extends Error {
  override readonly name = 'NotGranted';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super('not granted');
    this.refusal = refusal;
  }
}

/** Posts a form, or gets what there is without one, and gives the normalised fields of a success. */
export async function exchange(
  endpoint: URL,
  headers: Readonly<Record<string, string>>,
  form: string | undefined,
  client: HttpSettings,
  normalise: (fields: Fields) => Fields,
  options: HttpOptions,
): Promise<Fields> {
  let answer: HttpAnswer;
  try {
    answer = await (form === undefined
      ? get(endpoint, headers, client, options)
      : post(endpoint, headers, form, client, options));
  } catch (cause) {
    throw new NotGranted(
      cause instanceof AppError ? { kind: 'unusable', problem: cause } : { kind: 'no-answer', cause },
    );
  }
  const { status, retryAfter, location } = answer;
  const fields = parseAnswer(answer.body);
  const { error, description } = fields
    ? readError(fields)
    : { error: undefined, description: 'the body is no JSON object' };
  // Some services (Zoho) say 200 with an error in it.
  if (status >= 200 && status < 300 && fields !== undefined && error === undefined) return normalise(fields);
  throw new NotGranted({ kind: 'answer', status, error, description, retryAfter, location });
}

/** What was thrown by `exchange`, or by openid-client over it, as a refusal. A fault of ours is thrown on. */
export function refusalIn(thrown: unknown): Refusal {
  if (thrown instanceof AppError) return { kind: 'unusable', problem: thrown };
  // How openid-client names arguments that it cannot use.
  if (thrown instanceof TypeError) throw thrown;
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  for (const error of [thrown, cause]) if (error instanceof NotGranted) return error.refusal;
  // The library found a success wanting. Its messages are fixed texts; deeper causes hold the tokens.
  const complaint = cause instanceof Error ? cause.message : String(thrown);
  return {
    kind: 'answer',
    status: 200,
    error: undefined,
    description: `an answer that is not usable: ${complaint}`,
    retryAfter: undefined,
    location: undefined,
  };
}
