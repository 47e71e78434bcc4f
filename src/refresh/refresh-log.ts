/**
 * What the log hears of an account's refreshes: a line each, and of a trouble that goes on only the first (the
 * others at debug level). No token and no secret is in it.
 */
import type { Account } from '../accounts/account.js';
import type { AppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { RefreshResult } from './refresh-once.js';
import { signInCommand } from './failure.js';
import type { RefreshWitness } from './witness.js';

export class RefreshLog {
  #lastTrouble: string | undefined;
  #saidAssumed = false;

  constructor(
    private readonly account: Account,
    private readonly logger: Logger,
    private readonly witness?: RefreshWitness,
  ) {}

  /** `lifeSeconds` and `ms` are those of the token and of the refresh. */
  ended(result: RefreshResult, lifeSeconds: number, ms: number): void {
    const fields = { account: this.account.name, outcome: result.kind, ms: Math.round(ms) };
    this.witness?.ended(this.account, result, ms);
    switch (result.kind) {
      case 'refreshed':
        this.#lastTrouble = undefined;
        this.logger.info({ ...fields, lifeSeconds, rotated: result.rotated }, 'token refreshed');
        if (!result.lifetimeKnown) this.#assumed();
        return;
      case 'found':
        this.#lastTrouble = undefined;
        this.logger.info({ ...fields, lifeSeconds }, 'token already refreshed by another process');
        return;
      case 'superseded':
        this.#lastTrouble = undefined;
        this.logger.info(fields, 'a new sign-in replaced the token meanwhile; the late answer is dropped');
        return;
      case 'failed':
        this.#trouble(result.error, fields, 'no new token');
    }
  }

  /** The server gave a token, and it is not on disk. */
  unsaved(error: AppError): void {
    this.#trouble(error, { account: this.account.name }, 'the new token is in memory only');
  }

  /** The token that was in memory only is given up. */
  lost(error: AppError): void {
    const fields = { account: this.account.name, code: error.code, hint: signInCommand(this.account) };
    this.logger.error(fields, `the new token was never written and is lost: ${error.message}`);
  }

  #trouble(error: AppError, fields: Record<string, unknown>, what: string): void {
    const { code, hint, message } = error;
    const isOld = `${code} ${message}` === this.#lastTrouble && this.account.debug !== true;
    const level = isOld ? 'debug' : levelOf(error);
    this.#lastTrouble = `${code} ${message}`;
    this.logger[level]({ ...fields, code, hint }, `${what}: ${message}`);
  }

  #assumed(): void {
    if (this.#saidAssumed) return;
    this.#saidAssumed = true;
    const { name, client } = this.account;
    this.logger.info(
      { account: name },
      `${client.tokenEndpoint.origin} says no expires_in; an hour is assumed`,
    );
  }
}

/** Waiting may mend it, or nothing but a person will. */
function levelOf({ failure }: AppError): 'warn' | 'error' {
  return failure.remedy === 'retry' ? 'warn' : 'error';
}
