/**
 * `test-token-refresh`: one real refresh, exactly as `serve` does it, under the same lock. sasl-xoauth2-tool
 * throws the result away, and with it a rotated refresh token; here it is written back, and the output says so.
 */
import { resolve } from 'node:path';
import { isBroken } from '../../accounts/account.js';
import { formatDuration } from '../../core/duration.js';
import { AppError } from '../../core/errors.js';
import type { RefreshResult } from '../../refresh/refresh-once.js';
import { createFileStore } from '../../tokens/file-store.js';
import { openTokenStore } from '../../tokens/keyring-store.js';
import type { StoredToken } from '../../tokens/token.js';
import { accountOf, type Context, openContext } from '../context.js';
import { accountInDatabase } from '../database-output.js';
import { findAccount, requireUsable, type Usable } from '../find-account.js';
import { untilInterrupted } from '../interrupt.js';
import { forOnce, refreshNow } from '../refresh-now.js';
import type { Ui } from '../ui.js';
import { type Facts, failed, passed } from '../verdict.js';

export interface TestTokenRefreshOptions {
  readonly configFile?: string;
  readonly file: string;
  readonly json?: boolean;
}

/** Resolves to 0 or 1; throws Interrupted, though never once the endpoint was asked: its answer must be kept. */
export function runTestTokenRefresh(options: TestTokenRefreshOptions, ui: Ui): Promise<number> {
  const style = { json: options.json ?? false };
  return untilInterrupted(async (signal) => {
    let context: Context;
    try {
      context = await openContext(options.configFile);
    } catch (error) {
      return failed(ui, style, 'Config check failed.', [error]);
    }
    for (const warning of context.warnings) ui.warn(warning);
    if (!style.json) await ui.data('Config check passed.');
    let path = resolve(options.file);
    const fail = (error: AppError) =>
      failed(ui, style, 'Token refresh failed.', [forOnce(error)], { token_file: path });
    try {
      const found = await find(options.file, context, ui);
      path = found.account.tokenFile;
      const result = await refreshNow({ found, context, mustRefresh: () => true }, ui, signal);
      if (result.kind !== 'failed')
        return passed(ui, style, 'Token refresh succeeded.', explain(result, path, context, ui));
      signal.throwIfAborted();
      return fail(result.error);
    } catch (error) {
      if (error instanceof AppError) return fail(error);
      throw error;
    }
  });
}

/** A token file, or the account of this name in the database. Throws AppError. */
async function find(
  word: string,
  context: Context,
  ui: Ui,
): Promise<Pick<Usable, 'account' | 'store' | 'stored'>> {
  if (accountInDatabase(word, await context.database()) !== undefined)
    return requireUsable(await findAccount(word, context, ui));
  const path = resolve(word);
  const stored = await createFileStore({ path, ...context }).read();
  const account = accountOf(context, path, stored.overrides);
  if (isBroken(account)) throw account.problem;
  return { account, store: openTokenStore(account, context), stored };
}

function explain(
  result: Exclude<RefreshResult, { kind: 'failed' }>,
  path: string,
  { clock }: Context,
  ui: Ui,
): Facts {
  const life = Math.round((result.stored.expiresAt - clock.now()) / 1000);
  const facts = { token_file: path, expires_at: expiry(result.stored), expires_in: life };
  if (result.kind !== 'refreshed') {
    ui.say(`Someone signed in again meanwhile; ${path} keeps the tokens of that sign-in.`);
    return { ...facts, written: false, refresh_token_replaced: false };
  }
  const { rotated, lifetimeKnown } = result;
  if (!lifetimeKnown) ui.warn('the endpoint did not say how long the token lives; an hour is assumed');
  const what = rotated ? 'The new access token and a new refresh token' : 'The new access token';
  ui.say(`${what} (for ${formatDuration(life)}) ${rotated ? 'were' : 'was'} written to ${path}.`);
  return { ...facts, written: true, refresh_token_replaced: rotated };
}

function expiry({ expiresAt }: StoredToken): string {
  return new Date(expiresAt).toISOString();
}
