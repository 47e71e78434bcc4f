/**
 * What a failed request to a token endpoint means: may it succeed later, must a person sign in, or must the
 * configuration change. Pure. The words it gives are for logs and terminals: they hold the provider's error in
 * short, without control characters, and never one of the secrets that were sent.
 */
import { type AppError, describeCause, systemErrorCode } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { adviceFor } from './advice.js';
import { HttpTimeoutError } from './http.js';
import type { RefreshOutcome } from './outcome.js';

export type FailedOutcome = Exclude<RefreshOutcome, { kind: 'refreshed' }>;

/** How no token came back. */
export type Refusal =
  /** The request was not sent, for the settings cannot work. */
  | { readonly kind: 'unusable'; readonly problem: AppError }
  /** Network, TLS, time-out. */
  | { readonly kind: 'no-answer'; readonly cause: unknown }
  /** An HTTP answer without a token; `error` is undefined when its body is no OAuth error. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly error: string | undefined;
      readonly description: string | undefined;
      readonly retryAfter: string | undefined;
      readonly location: string | undefined;
    };

export interface RefusalContext {
  /** Milliseconds since the epoch; a Retry-After may be a date. */
  readonly now: number;
  /** Whatever was sent and must not come back in words. */
  readonly secrets: readonly Secret[];
}

const transientErrors = new Set([
  'temporarily_unavailable',
  'server_error',
  'slow_down',
  'authorization_pending',
  'rate_limit_exceeded',
]);

const personErrors = new Set([
  'invalid_grant',
  'interaction_required',
  'login_required',
  'consent_required',
  'account_selection_required',
  'access_denied',
  'expired_token',
  // Zoho's word for a refresh token that is gone.
  'invalid_code',
]);

/** A server that asks for more is mistaken; mail would stop. Seconds. */
const longestRetryAfterSeconds = 3600;
const longestReason = 300;

export function classify(refusal: Refusal, context: RefusalContext): FailedOutcome {
  if (refusal.kind === 'answer') return classifyAnswer(refusal, context);
  if (refusal.kind === 'no-answer') {
    const reason = readable(describeNoAnswer(refusal.cause), context.secrets);
    return { kind: 'transient', reason, retryAfterSeconds: undefined };
  }
  const { message, hint } = refusal.problem;
  return {
    kind: 'misconfigured',
    reason: message,
    advice: hint ?? 'correct the configuration',
    asked: false,
  };
}

function classifyAnswer(answer: Refusal & { kind: 'answer' }, context: RefusalContext): FailedOutcome {
  const { status, error, description } = answer;
  const words = [error, description].filter(Boolean).join(': ');
  const usual = error !== undefined && (status === 400 || status === 401);
  const reason = readable(
    usual ? words : [`HTTP ${status}`, words].filter(Boolean).join(', '),
    context.secrets,
  );
  const transient: FailedOutcome = {
    kind: 'transient',
    reason,
    retryAfterSeconds: parseRetryAfter(answer.retryAfter, context.now),
  };
  const misconfigured = (advice: string): FailedOutcome => ({ kind: 'misconfigured', reason, advice });

  // The status comes first: behind an overloaded server, even "invalid_grant" proves nothing.
  if (status === 408 || status === 429 || status >= 500) return transient;
  if (status >= 300 && status < 400)
    return misconfigured(
      `redirects are not followed, for they would carry the secrets elsewhere${redirectTarget(answer.location)}: correct token_endpoint`,
    );
  if (error === undefined) {
    if (status === 404 || status === 405 || status === 410)
      return misconfigured('there is no token endpoint at this address: check token_endpoint');
    return transient;
  }
  const outcome = classifyError(error, description, reason);
  return outcome.kind === 'transient' ? transient : outcome;
}

/** What an OAuth error code means by itself; `reason` is passed through. */
export function classifyError(error: string, description: string | undefined, reason: string): FailedOutcome {
  if (transientErrors.has(error)) return { kind: 'transient', reason, retryAfterSeconds: undefined };
  const advice = adviceFor(error, description);
  if (personErrors.has(error)) return { kind: 'needs-person', reason, advice: advice ?? 'sign in again' };
  // Unknown errors too: the server understood the request and will not grant it, however often it is asked.
  const check = 'check client_id, client_secret, scope and token_endpoint';
  return { kind: 'misconfigured', reason, advice: advice ?? check };
}

function describeNoAnswer(cause: unknown): string {
  if (cause instanceof HttpTimeoutError) return cause.message;
  // Connecting to several addresses in vain gives one error for each, in an envelope without words.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  const mistrusted = /CERT|SELF_SIGNED|UNABLE_TO/.test(systemErrorCode(first) ?? '');
  return `${describeCause(first)}${mistrusted ? ' (ca_bundle_file names whom to trust)' : ''}`;
}

function redirectTarget(location: string | undefined): string {
  return location !== undefined && URL.canParse(location) ? ` (to ${new URL(location).host})` : '';
}

/** RFC 9110 section 10.2.3: seconds, or an HTTP date. Undefined when absent, over, or neither. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const seconds = /^\d+$/.test(value.trim())
    ? Number(value)
    : / GMT$/.test(value.trim())
      ? Math.ceil((Date.parse(value) - now) / 1000)
      : Number.NaN;
  return seconds > 0 ? Math.min(seconds, longestRetryAfterSeconds) : undefined;
}

/** One short printable line, with `[redacted]` where a secret was echoed, plain or form-encoded. */
export function readable(text: string, secrets: readonly Secret[]): string {
  // Character for character, so that a secret with such characters is still found.
  const flatten = (value: string) => value.replace(/[\p{C}\s]/gu, ' ');
  const forms = secrets
    .map((secret) => secret.reveal())
    .flatMap((value) => [
      value,
      encodeURIComponent(value),
      new URLSearchParams({ '': value }).toString().slice(1),
    ])
    .filter((form) => form !== '')
    // A long one first: it may begin with a short one, and its end must not be left standing.
    .toSorted((one, other) => other.length - one.length)
    .map((form) => flatten(form).replace(/[$()*+.?[\\\]^{|}/-]/g, '\\$&'));
  // In one pass: what stands for a secret is not searched for another.
  let line =
    forms.length === 0
      ? flatten(text)
      : flatten(text).replace(new RegExp(forms.join('|'), 'g'), '[redacted]');
  line = line.replaceAll(/ +/g, ' ').trim();
  return line.length > longestReason ? `${line.slice(0, longestReason)}…` : line;
}
