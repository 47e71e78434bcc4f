/**
 * `test-token-refresh`: one real refresh, exactly as `serve` does it, under the same lock. sasl-xoauth2-tool
 * throws the result away, and with it a rotated refresh token; here it is written back, and the output says so.
 */
import { resolve } from 'node:path';
import { type AnyAccount, isBroken } from '../../accounts/account.js';
import { formatDuration } from '../../core/duration.js';
import { type AppError, toAppError } from '../../core/errors.js';
import type { RefreshResult } from '../../refresh/refresh-once.js';
import { createFileStore } from '../../tokens/file-store.js';
import { openTokenStore } from '../../tokens/keyring-store.js';
import type { StoredToken } from '../../tokens/token.js';
import { accountOf, type Context, openContext } from '../context.js';
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
  const path = resolve(options.file);
  return untilInterrupted(async (signal) => {
    let context: Context;
    try {
      context = await openContext(options.configFile);
    } catch (error) {
      return failed(ui, style, 'Config check failed.', [error]);
    }
    for (const warning of context.warnings) ui.warn(warning);
    if (!style.json) await ui.data('Config check passed.');
    const result = await refresh(path, context, ui, signal);
    if (result.kind !== 'failed')
      return passed(ui, style, 'Token refresh succeeded.', explain(result, path, context, ui));
    signal.throwIfAborted();
    return failed(ui, style, 'Token refresh failed.', [forOnce(result.error)], { token_file: path });
  });
}

async function refresh(path: string, context: Context, ui: Ui, signal: AbortSignal): Promise<RefreshResult> {
  let account: AnyAccount;
  let stored: StoredToken;
  try {
    stored = await createFileStore({ path, ...context }).read();
    account = accountOf(context, path, stored.overrides);
  } catch (error) {
    return failure(toAppError(error));
  }
  if (isBroken(account)) return failure(account.problem);
  const store = openTokenStore(account, context);
  return refreshNow({ found: { account, store, stored }, context, mustRefresh: () => true }, ui, signal);
}

function failure(error: AppError): RefreshResult {
  return { kind: 'failed', error, retryAfterSeconds: undefined };
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
