/** Accounts as everyone gets them, from a configuration in JSON and what is known of a token file; the tests' own. */
import { type AnyAccount, canSubmit, isBroken, type SubmittingAccount } from '../../src/accounts/account.js';
import { type AccountSource, resolveAccount } from '../../src/accounts/resolve.js';
import { parseConfig } from '../../src/config/parse.js';
import type { AppError } from '../../src/core/errors.js';

/** The token file is /etc/tokens/a@b.example unless `source` says otherwise. */
export function resolve(json: object, source: Partial<AccountSource> = {}): AnyAccount {
  const { config } = parseConfig(json, undefined);
  return resolveAccount(config, { tokenFile: '/etc/tokens/a@b.example', ...source });
}

/** The same, with a client id; throws why the account cannot submit. */
export function usable(json: object, source: Partial<AccountSource> = {}): SubmittingAccount {
  const account = resolve({ client_id: 'id', ...json }, source);
  if (isBroken(account)) throw account.problem;
  if (!canSubmit(account)) throw account.submission as AppError;
  return account;
}

/** Why the account cannot submit; throws when it can. */
export function problem(json: object, source: Partial<AccountSource> = {}): AppError {
  const account = resolve(json, source);
  if (isBroken(account)) return account.problem;
  if (canSubmit(account)) throw new Error('the account is usable');
  return account.submission as AppError;
}
