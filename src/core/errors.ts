/**
 * Every way to fail, in one table: what mends it, which exit status a command ends with, which SMTP reply the
 * relay gives, and a sentence that may be shown to a peer. The command line, the relay, the logs and the docs
 * all read this table; no other file decides on an exit status or on a reply code for a failure of ours.
 */

import { inspect } from 'node:util';

/** What mends a failure: waiting, a new sign-in, a change by the administrator, or a report to us. */
export type Remedy = 'retry' | 'reauthorize' | 'fix-config' | 'report-bug';

/** Exit statuses, as sysexits.h names them; scripts and systemd units may rely on them. */
export const exitStatus = {
  ok: 0,
  failed: 1,
  usage: 64,
  unavailable: 69,
  software: 70,
  cantCreate: 73,
  tempFail: 75,
  noPermission: 77,
  config: 78,
} as const;

export interface Failure {
  readonly remedy: Remedy;
  readonly exitStatus: number;
  /** Reply code and the detail of its enhanced code; the class digit is derived from the code (RFC 3463, 2). */
  readonly reply: { readonly code: number; readonly detail: string };
  /** One clause, safe to show to a peer: no path, no other account, no words of the provider. */
  readonly summary: string;
}

function failure(remedy: Remedy, exit: number, code: number, detail: string, summary: string): Failure {
  return { remedy, exitStatus: exit, reply: { code, detail }, summary };
}

const { cantCreate, config, noPermission, software, tempFail, unavailable, usage } = exitStatus;

export const failures = {
  usage: failure('fix-config', usage, 451, '3.5', 'the command was called wrongly'),

  'config-unreadable': failure('fix-config', config, 451, '3.5', 'the configuration cannot be read'),
  'config-invalid': failure('fix-config', config, 451, '3.5', 'the configuration is wrong'),
  'account-unknown': failure('fix-config', config, 450, '7.1', 'no account is configured for the sender'),
  'account-incomplete': failure('fix-config', config, 454, '7.0', 'the account lacks a setting'),
  'no-accounts': failure('fix-config', config, 451, '3.5', 'no account is usable'),

  'token-missing': failure('reauthorize', noPermission, 454, '7.0', 'the token file is missing'),
  'token-unreadable': failure('fix-config', noPermission, 454, '7.0', 'the token file cannot be read'),
  'token-invalid': failure('reauthorize', config, 454, '7.0', 'the token file is damaged'),
  'token-unwritable': failure('fix-config', cantCreate, 454, '7.0', 'a new token could not be written'),
  'token-exists': failure('fix-config', cantCreate, 454, '7.0', 'the token file exists already'),
  'token-locked': failure('retry', tempFail, 454, '7.0', 'the token is being refreshed elsewhere'),

  'refresh-transient': failure('retry', tempFail, 454, '7.0', 'the token endpoint gives no token now'),
  'grant-dead': failure(
    'reauthorize',
    noPermission,
    454,
    '7.0',
    'the sign-in has ended and must be repeated',
  ),
  'client-rejected': failure(
    'fix-config',
    config,
    454,
    '7.0',
    'the token endpoint refuses the client settings',
  ),
  'login-denied': failure('reauthorize', noPermission, 454, '7.0', 'the sign-in was not completed'),

  'account-busy': failure('retry', tempFail, 450, '3.2', 'the account has as much mail under way as it may'),

  'upstream-unreachable': failure('retry', unavailable, 451, '4.1', 'the upstream server cannot be reached'),
  'upstream-timeout': failure('retry', tempFail, 451, '4.2', 'the upstream server did not answer in time'),
  'upstream-lost': failure('retry', tempFail, 451, '4.2', 'the upstream server closed the connection'),
  'upstream-tls': failure(
    'fix-config',
    unavailable,
    451,
    '4.0',
    'no verified TLS connection to the upstream server',
  ),
  'upstream-protocol': failure('retry', unavailable, 451, '4.0', 'the upstream server broke the protocol'),
  'upstream-refused': failure('retry', tempFail, 451, '4.0', 'the upstream server takes no mail now'),
  'upstream-mechanism': failure(
    'fix-config',
    config,
    454,
    '7.0',
    'the upstream server offers no OAuth mechanism',
  ),
  'upstream-auth': failure('retry', noPermission, 454, '7.0', 'the upstream server refused the access token'),

  'listen-failed': failure('fix-config', unavailable, 451, '3.0', 'the relay cannot listen'),
  internal: failure('report-bug', software, 451, '3.0', 'internal error'),
} as const satisfies Record<string, Failure>;

export type FailureCode = keyof typeof failures;

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
