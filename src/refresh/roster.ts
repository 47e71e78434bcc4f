/**
 * The accounts in service, kept in step with their files: added, replaced and removed ones take effect within a
 * second, and none disturbs another. An account that was known stays known when its file breaks or goes, so that
 * its mail waits instead of leaving through another account. Errors at start are thrown, later ones are logged.
 */
import { type Account, type AnyAccount, type BrokenAccount, serverOf } from '../accounts/account.js';
import { buildRoutes, describeConflict, describeMissingDefault } from '../accounts/routing.js';
import type { ServerName } from '../accounts/upstreams.js';
import { type AppError, toAppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { SmtpHost } from '../providers/provider.js';
import type { AccountDatabase } from '../tokens/postgres/accounts.js';
import { accountToSignIn } from './account-to-sign-in.js';
import {
  type Census,
  type CensusOptions,
  type Found,
  readAnew,
  sameOverrides,
  takeCensus,
} from './census.js';
import { CensusMemory } from './census-memory.js';
import { Lookups } from './lookups.js';
import { accountOf, type AccountInService, type Member } from './member.js';
import type { RefreshPace } from './pace.js';
import type { RequestGrant, RequestRefresh } from './refresh-once.js';
import { changedRows, takeDatabaseCensus } from './database-census.js';
import { type DatabaseWatch, watchDatabase } from './database-watch.js';
import { tokenRemoved } from './failure.js';
import { createRefresher } from './refresher.js';
import type { AccountDirectory, Lookup, ServerLookup } from './token-source.js';
import { type Changed, ScanQueue } from './scan-queue.js';
import { type DirectoryWatch, watchDirectories } from './watch.js';
import type { RefreshWitness } from './witness.js';

export interface RosterOptions extends CensusOptions {
  readonly logger: Logger;
  readonly requestRefresh: RequestRefresh;
  readonly requestGrant: RequestGrant;
  readonly pace?: RefreshPace | undefined;
  readonly witness?: RefreshWitness | undefined;
}

export interface Roster extends AccountDirectory {
  /** Which account submits mail at a server, for whoever does not know the sender. */
  lookupServer(server: ServerName): ServerLookup;
  /** In order of appearance. */
  accounts(): readonly AccountInService[];
  /** One of these accounts as a person can sign it in with a browser. */
  signInOf(account: AnyAccount): Account | undefined;
  /** Why the database cannot be used now: there may be accounts that are not known. */
  readonly away: AppError | undefined;
  /** Looks at the files now, without waiting to be told of a change. What is new is in use when it resolves. */
  look(): Promise<void>;
  /**
   * Another roster follows the files from now on; whoever still has accounts of this one gets tokens. Resolves when
   * no refresh is under way.
   */
  rest(): Promise<void>;
  /** Ends all refreshing; waits for answers under way to be written. */
  close(): Promise<void>;
}

/** Throws AppError config-invalid when two accounts claim a sender or the default account is none. */
export async function openRoster(options: RosterOptions): Promise<Roster> {
  const roster = new LiveRoster(options);
  try {
    await roster.open();
    return roster;
  } catch (error) {
    await roster.close();
    throw error;
  }
}

/** More accounts that are added at once are counted in the log, not named. */
const mostNamed = 100;

class LiveRoster implements Roster {
  readonly #options: RosterOptions;
  readonly #watch: DirectoryWatch & Partial<DatabaseWatch>;
  /** By path of the token file. */
  readonly #members = new Map<string, Member>();
  readonly #leaving = new Set<Promise<void>>();
  /** What was logged and still holds. */
  readonly #said = new Set<string>();
  #lookups = new Lookups(this.#members, undefined);
  readonly #scans = new ScanQueue((changed) => this.#scan(changed));
  readonly #memory: CensusMemory;
  #linked: ReadonlySet<string> = new Set();
  #addsMany = false;
  #opened: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: RosterOptions) {
    this.#options = options;
    const { clock, database, logger } = options;
    this.#memory = new CensusMemory(clock);
    this.#watch =
      database === undefined
        ? watchDirectories({ clock, logger, onChange: (paths) => this.#lookAtFiles(paths) })
        : watchDatabase({
            clock,
            database,
            logger,
            look: (names) => (names === undefined ? this.#lookAtAll(database) : this.#scans.add(names)),
          });
  }

  /** What changes meanwhile is looked at afterwards. */
  async open(): Promise<void> {
    const opening = this.#open();
    this.#opened = opening.catch(() => undefined);
    await opening;
  }

  async #open(): Promise<void> {
    // Watched first: what changes while they are read is then seen.
    await this.#watch.follow(this.#options.tokenDirectories, true);
    if (this.#options.database?.awaited !== undefined) return;
    const census = await this.#take();
    const accounts = census.found.map(({ account }) => account);
    const { conflicts, missingDefault } = buildRoutes(accounts, this.#options.config.defaultAccount);
    for (const conflict of conflicts) throw describeConflict(conflict);
    if (missingDefault !== undefined) throw describeMissingDefault(missingDefault, accounts);
    await this.#apply(census);
  }

  lookup(sender: string): Lookup {
    return this.#lookups.bySender(sender, this.away);
  }

  lookupServer(server: ServerName): ServerLookup {
    return this.#lookups.byServer(server, this.away);
  }

  get upstreams(): readonly SmtpHost[] {
    return this.#lookups.upstreams;
  }

  get away(): AppError | undefined {
    return this.#watch.problem;
  }

  accounts(): ReturnType<Roster['accounts']> {
    return [...this.#members.values()];
  }

  signInOf(account: AnyAccount): Account | undefined {
    return accountToSignIn(account, this.#options.config, this.#options.saslPasswd);
  }

  async look(): Promise<void> {
    await this.#lookAtFiles();
    await Promise.all([...this.#members.values()].map(agree));
  }

  async rest(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    await this.#scans.close();
    const members = [...this.#members.values()];
    const resting = members.map((member) => (member.kind === 'live' ? member.tokens.rest() : undefined));
    await Promise.all([...resting, ...this.#leaving]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    await this.#scans.close();
    for (const member of this.#members.values()) this.#retire(member);
    await Promise.all(this.#leaving);
  }

  async #scan(changed: Changed): Promise<void> {
    await this.#opened;
    const { database } = this.#options;
    const isEnough =
      changed !== 'all' &&
      (await (database === undefined ? this.#readSome(changed) : this.#lookAt(database, [...changed])));
    if (!isEnough) await this.#apply(await this.#take());
  }

  /** Never rejects. */
  async #lookAtFiles(paths?: Iterable<string>): Promise<void> {
    await this.#scans.add(paths).catch((error: unknown) => {
      const { hint, message } = toAppError(error);
      this.#options.logger.warn({ hint }, `accounts cannot be looked at: ${message}`);
    });
  }

  /** Of a database; that of a whole fleet tells of each refresh, so no more is looked at than has changed. */
  async #lookAt(database: AccountDatabase, names: readonly string[]): Promise<boolean> {
    const found = await takeDatabaseCensus(this.#options, database, names);
    if (this.#closed) return true;
    const admitted = found.map((each) => this.#admit(each));
    const paths = new Set(found.map(({ path }) => path));
    const gone = names.map((name) => database.placeOf(name)).filter((path) => !paths.has(path));
    for (const path of gone) {
      const member = this.#members.get(path);
      if (member !== undefined) this.#miss(path, member, new Set());
    }
    if (gone.length > 0 || admitted.includes('other')) this.#route();
    return true;
  }

  /** Files that are known, and still there: to read all others for them would be too much with each refresh. */
  async #readSome(paths: ReadonlySet<string>): Promise<boolean> {
    let isOther = false;
    for (const path of paths) {
      if (this.#linked.has(path) || this.#members.get(path)?.kind !== 'live') return false;
      const found = await readAnew(this.#options, path, this.#memory);
      if (!('stored' in found) && found.account.problem.code === 'token-missing') return false;
      if (this.#closed) return true;
      isOther = this.#admit(found) === 'other' || isOther;
    }
    if (isOther) this.#route();
    return true;
  }

  /** Of a store that may be back: what waited for nothing else goes on, first of all tokens that are to be written. */
  async #lookAtAll(database: AccountDatabase): Promise<void> {
    const versions = [...this.#members].map(
      ([path, member]) => [path, member.kind === 'live' ? member.stored.version : undefined] as const,
    );
    await this.#scans.add(versions.length === 0 ? undefined : await changedRows(database, new Map(versions)));
    for (const member of this.#members.values())
      if (member.kind === 'live' && member.tokens.waitsForStore) void member.tokens.storeChanged();
  }

  #take(): Promise<Census> {
    const { logger } = this.#options;
    return takeCensus(
      this.#options,
      ({ hint, message }) => this.#sayOnce(message, () => logger.warn({ hint }, message)),
      this.#memory,
    );
  }

  async #apply({ directories, found, linked, unchanged }: Census): Promise<void> {
    const { logger } = this.#options;
    if (this.#closed) return;
    this.#linked = linked;
    const before = this.#members.size;
    this.#addsMany = found.length + unchanged.length - before > mostNamed;
    const admitted = found.map((each) => this.#admit(each));
    for (const { path } of unchanged) void agree(this.#members.get(path));
    if (this.#addsMany) logger.info({ accounts: this.#members.size - before }, 'accounts added');
    this.#addsMany = false;
    const known = [...found, ...unchanged];
    const paths = new Set(known.map(({ path }) => path));
    const gone = [...this.#members].filter(([path]) => !paths.has(path));
    const names = new Set(gone.length === 0 ? [] : known.map(({ account }) => account.name));
    const missed = gone.map(([path, member]) => this.#miss(path, member, names));
    if (missed.includes(true) || admitted.includes('other')) this.#route();
    await this.#watch.follow(directories);
  }

  /** Whether the account is the same as before, be its token another, or one that has to be routed anew. */
  #admit(found: Found): 'same' | 'other' {
    if (!('stored' in found)) return this.#break(found.path, found.account) ? 'other' : 'same';
    const { account, path, store, stored } = found;
    const { overrides, version } = stored;
    const member = this.#members.get(path);
    this.#options.witness?.holds(account, stored);
    if (member?.kind === 'live' && sameOverrides(member.stored.overrides, overrides)) {
      member.stored = { overrides, version };
      void agree(member);
      return 'same';
    }
    if (member) this.#retire(member);
    const tokens = createRefresher({ account, store, initial: stored }, this.#options);
    this.#members.set(path, { kind: 'live', account, tokens, stored: { overrides, version } });
    this.#options.logger[this.#addsMany ? 'debug' : 'info'](
      { account: account.name, tokenFile: path, provider: account.provider.name },
      member ? 'account changed' : 'account added',
    );
    return 'other';
  }

  #break(path: string, broken: BrokenAccount): boolean {
    const member = this.#members.get(path);
    const { problem } = broken;
    if (member?.kind === 'broken' && member.account.problem.message === problem.message) return false;
    if (member) this.#retire(member);
    // A file that can no longer be read does not take away the senders that it was known by.
    const known = member && accountOf(member);
    const senders = [...new Set([...(known?.senders ?? []), ...broken.senders])];
    const name = known?.name ?? broken.name;
    const smtp = known === undefined ? broken.smtp : serverOf(known);
    this.#members.set(path, { kind: 'broken', account: { ...broken, name, senders, smtp, problem } });
    const { code, hint, message } = problem;
    this.#options.witness?.broken({ ...broken, name });
    this.#options.logger.error({ account: name, code, hint }, `account ${name} cannot be used: ${message}`);
    return true;
  }

  /** The file is gone; whether that is news. An account that came back under another path is not missed. */
  #miss(path: string, member: Member, names: ReadonlySet<string>): boolean {
    const account = accountOf(member);
    this.#memory.forget(path);
    if (names.has(account.name)) {
      this.#retire(member);
      this.#members.delete(path);
      return true;
    }
    return member.kind === 'live' && this.#break(path, tokenRemoved(member.account));
  }

  #route(): void {
    this.#lookups = new Lookups(this.#members, this.#options.config.defaultAccount);
    for (const { hint, message } of this.#lookups.problems)
      this.#sayOnce(message, () => this.#options.logger.error({ hint }, message));
  }

  #retire(member: Member): void {
    if (member.kind === 'broken') return;
    const leaving = member.tokens.close().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  #sayOnce(message: string, say: () => void): void {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    say();
  }
}

/** Tells whoever keeps the token fresh what the store holds, if that is not what it goes by. */
async function agree(member: Member | undefined): Promise<void> {
  if (member?.kind === 'live' && member.tokens.version !== member.stored.version)
    await member.tokens.storeChanged();
}
