/**
 * A failure as it is thrown: its code, which stands in failures.ts's table, with the facts of this one. What comes from
 * elsewhere is made one here, or put into words.
 */
import { inspect } from 'node:util';
import { type Failure, type FailureCode, failures } from './failures.js';

export { exitStatus, type Failure, type FailureCode, failures, type Remedy } from './failures.js';

/** A failure with its facts: `message` is for the log and the terminal, `publicDetail` may reach a peer. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: FailureCode;
  /** What to do about it, as a sentence or a command. */
  readonly hint: string | undefined;
  /** Appended to the table's summary in SMTP replies; must name no path, secret or other account. */
  readonly publicDetail: string | undefined;

  constructor(
    code: FailureCode,
    message: string,
    options: { hint?: string | undefined; publicDetail?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.publicDetail = options.publicDetail;
  }

  get failure(): Failure {
    return failures[this.code];
  }
}

/** Anything thrown, as an AppError; what is not ours becomes `internal` and keeps its cause. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('internal', describeCause(error), { cause: error });
}

/** The messages of an error and of its causes in one line: `fetch failed: connect ECONNREFUSED …`. */
export function describeCause(error: unknown): string {
  const parts: string[] = [];
  for (
    let at: unknown = error;
    at !== undefined && parts.length < 4;
    at = at instanceof Error ? at.cause : undefined
  ) {
    const text = at instanceof Error ? at.message || at.name : inspect(at);
    if (!parts.some((part) => part.includes(text))) parts.push(text);
  }
  return parts.join(': ');
}

/** `error.code` of a Node system error, such as ENOENT. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
