/** Which of the accounts in service a message goes through, by its sender or by the server that it is for; made anew when they change. */
import { type AnyAccount, isBroken } from '../accounts/account.js';
import { buildRoutes, describeConflict, describeMissingDefault, type Routes } from '../accounts/routing.js';
import { indexServers, type ServerIndex, type ServerName, upstreamsOf } from '../accounts/upstreams.js';
import type { AppError } from '../core/errors.js';
import type { SmtpHost } from '../providers/provider.js';
import { accountOf, lookupOf, type Member } from './member.js';
import type { Lookup, ServerLookup } from './token-source.js';

export class Lookups {
  readonly upstreams: readonly SmtpHost[];
  readonly #routes: Routes;
  readonly #accounts: readonly AnyAccount[];
  /** Made at the first question. */
  #accountsAt: ServerIndex | undefined;
  readonly #members: ReadonlyMap<string, Member>;

  /** @param members by path of the token file */
  constructor(members: ReadonlyMap<string, Member>, defaultAccount: string | undefined) {
    this.#members = members;
    this.#accounts = [...members.values()].map(accountOf);
    this.#routes = buildRoutes(this.#accounts, defaultAccount);
    this.upstreams = upstreamsOf(this.#accounts);
  }

  /** What would have ended the start; here the earlier account keeps its sender. */
  get problems(): readonly Pick<AppError, 'message' | 'hint'>[] {
    const { conflicts, missingDefault } = this.#routes;
    const claims = conflicts.map((conflict) => {
      const { hint, message } = describeConflict(conflict);
      return { hint, message: `${message}; ${conflict.accounts[0]!.name} keeps it` };
    });
    if (missingDefault === undefined) return claims;
    return [...claims, describeMissingDefault(missingDefault, this.#accounts)];
  }

  /** @param away why there may be accounts that are not among these */
  bySender(sender: string, away: AppError | undefined): Lookup {
    const account = this.#routes.find(sender);
    return account === undefined ? this.#unknown(away) : this.#found(account);
  }

  byServer(server: ServerName, away: AppError | undefined): ServerLookup {
    if (!this.#anyLive) return this.#unknown(away);
    this.#accountsAt ??= indexServers(this.#accounts);
    const accounts = this.#accountsAt(server);
    const { fallback } = this.#routes;
    const account =
      accounts.length === 1 ? accounts[0] : fallback && accounts.includes(fallback) ? fallback : undefined;
    if (account !== undefined) return this.#found(account);
    return accounts.length === 0 ? this.#unknown(away) : { kind: 'several', accounts };
  }

  #found({ tokenFile }: AnyAccount): Lookup {
    return lookupOf(this.#members.get(tokenFile)!);
  }

  #unknown(away: AppError | undefined): Lookup {
    if (away !== undefined) return { kind: 'none', problem: away };
    return { kind: this.#anyLive ? 'unknown' : 'none' };
  }

  get #anyLive(): boolean {
    return this.#accounts.some((account) => !isBroken(account));
  }
}
