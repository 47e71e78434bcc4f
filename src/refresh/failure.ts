/**
 * Why there is no new token, as an AppError: from what a token endpoint answered to a message for the log, a
 * command that mends it, and words for an SMTP reply that name the account but no path.
 */
import { basename } from 'node:path';
import type { Account, BrokenAccount } from '../accounts/account.js';
import { AppError, type FailureCode } from '../core/errors.js';
import { unknownProvider } from '../providers/index.js';
import type { RefreshOutcome } from '../oauth/outcome.js';
import type { StoredSignIn } from '../tokens/token.js';

/** The command that gives an account a new sign-in. */
export function signInCommand({ grant, name: account, provider, tokenFile, tokenStore }: Account): string {
  if (grant.kind !== 'refresh-token') return `mailbearer refresh ${account}`;
  const name = provider.name === unknownProvider.name ? 'PROVIDER' : provider.name;
  const place = tokenStore === 'postgres' ? basename(tokenFile) : tokenFile;
  return `mailbearer get-token ${name} ${place} --overwrite-existing-token`;
}

export function outcomeFailure(
  account: Account,
  outcome: Exclude<RefreshOutcome, { kind: 'refreshed' }>,
): AppError {
  const { grant, name } = account;
  const endpoint = account.client.tokenEndpoint.origin;
  // Where a program is run or a file is wrong, the endpoint has no part in it.
  const asked = grant.kind !== 'command' && !(outcome.kind === 'misconfigured' && outcome.asked === false);
  const noToken = `no token for ${name}${asked ? ` from ${endpoint}` : ''}: ${outcome.reason}`;
  let failure: AppError;
  switch (outcome.kind) {
    case 'transient':
      failure = new AppError('refresh-transient', noToken, {
        hint: 'it is tried again by itself',
        publicDetail: causeWords(outcome.reason),
      });
      break;
    case 'needs-person':
      failure = new AppError('grant-dead', `${endpoint} ended the sign-in of ${name}: ${outcome.reason}`, {
        hint: `${outcome.advice}: ${signInCommand(account)}`,
        publicDetail: causeWords(outcome.reason),
      });
      break;
    case 'misconfigured':
      failure = new AppError(
        'client-rejected',
        asked ? `${endpoint} refuses the client of ${name}: ${outcome.reason}` : noToken,
        {
          hint: outcome.advice,
          publicDetail: causeWords(outcome.reason),
        },
      );
  }
  return failure;
}

/** Whether it is known that a person must sign in; what the keyring holds is seen at a refresh only. */
export function lacksRefreshToken({ grant, tokenStore }: Account, { refreshToken }: StoredSignIn): boolean {
  return grant.kind === 'refresh-token' && tokenStore !== 'keyring' && refreshToken === undefined;
}

export function noRefreshToken(account: Account): AppError {
  const { tokenFile, tokenStore } = account;
  const what =
    tokenStore === 'keyring'
      ? `neither the keyring nor the token file ${tokenFile} has a refresh_token`
      : `${tokenStore === 'postgres' ? '' : 'the token file '}${tokenFile} has no refresh_token`;
  return new AppError('token-invalid', what, {
    hint: signInCommand(account),
    publicDetail: 'no refresh_token',
  });
}

/** The bare names of what went wrong, such as `invalid_grant, AADSTS700082`: all that a peer is told of it. */
function causeWords(reason: string): string | undefined {
  const words = reason.match(/\bAADSTS\d+|\b[a-z]+(?:_[a-z]+)+\b|\bE[A-Z]{4,}\b|\bHTTP \d{3}\b/g);
  return words === null ? undefined : [...new Set(words)].slice(0, 3).join(', ');
}

/** Nothing was tried yet, or nothing will be any more. */
export function noTokenYet(account: Account): AppError {
  return new AppError('refresh-transient', `there is no token for ${account.name} yet`, {
    hint: 'it is tried again by itself',
  });
}

export function expiredOnArrival(account: Account): AppError {
  const { client, name } = account;
  const { origin } = client.tokenEndpoint;
  return new AppError('refresh-transient', `${origin} gives ${name} tokens that have expired already`, {
    hint: 'compare the clocks: timedatectl',
  });
}

const local: ReadonlySet<FailureCode> = new Set([
  'token-unwritable',
  'keyring-unavailable',
  'store-refused',
  'store-mismatch',
]);

/**
 * Whether to back off and try again, or to wait for a person. A full disk empties, a keyring is unlocked, a role is
 * let in, and trying asks no provider.
 */
export function mayPass({ code, failure }: AppError): boolean {
  return failure.remedy === 'retry' || failure.remedy === 'report-bug' || local.has(code);
}

/** Its senders are still its own. */
export function tokenRemoved(account: Account): BrokenAccount {
  const { name, senders, tokenFile, tokenStore } = account;
  const what = tokenStore === 'postgres' ? tokenFile : `the token file ${tokenFile}`;
  const problem = new AppError('token-missing', `${what} was removed`, {
    hint: `put it back, or: ${signInCommand(account)}`,
  });
  return { name, tokenFile, senders, problem };
}
