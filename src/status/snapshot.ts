/**
 * The daemon at one moment, as the page shows it and /status.json gives it: times as ISO 8601, null where nothing is
 * known. No secret is in it, but mailboxes and what servers said of them are.
 */
import { isBroken, problemOf } from '../accounts/account.js';
import type { AppError, Remedy } from '../core/errors.js';
import { replyText } from '../protocol/smtp/reply.js';
import { signInCommand } from '../refresh/failure.js';
import type { AccountInService } from '../refresh/member.js';
import type { RefresherStatus } from '../refresh/refresher.js';
import type { UpstreamRefusal } from '../relay/account-logins.js';
import type { Occupancy } from '../relay/account-sessions.js';
import type { SessionFacts, SessionStage } from '../relay/session-facts.js';
import type { History } from './history.js';
import {
  choose,
  countAccounts,
  type Counts,
  type Listing,
  type Selection,
  type Traits,
  wordsForState,
} from './listing.js';
import type { RefreshMark } from './refresh-figures.js';
import type { StatusSource } from './source.js';

export const tokenStates = ['fresh', 'due', 'troubled', 'unsaved', 'broken'] as const;
export type TokenState = (typeof tokenStates)[number];
/** Words that may be asked for as `state`. */
export const stateWords = wordsForState(tokenStates);

export interface AccountSnapshot {
  readonly account: string;
  readonly provider: string | null;
  readonly state: TokenState;
  readonly refreshing: boolean;
  readonly issued_at: string | null;
  readonly expires_at: string | null;
  readonly next_refresh: string | null;
  readonly problem: string | null;
  readonly hint: string | null;
  /** What mends the problem: waiting (`retry`), a sign-in (`reauthorize`), or a change of the configuration. */
  readonly remedy: Remedy | null;
  /** Where a person can sign it in anew: on the page, or at a terminal only; `none`: nobody signs in for it. */
  readonly sign_in: 'page' | 'terminal' | 'none';
  /** Which would get it another token; null where that is not known. */
  readonly sign_in_command: string | null;
  readonly refreshes: readonly {
    readonly at: string;
    readonly outcome: RefreshMark['outcome'];
    readonly code: string | null;
  }[];
  /** With the upstream server. */
  readonly sessions: Occupancy;
  readonly messages: MessageTotals;
}

export interface MessageTotals {
  readonly sent: number;
  readonly deferred: number;
  readonly refused: number;
  readonly cut_off: number;
  readonly bytes: number;
}

export interface MessageSnapshot {
  readonly at: string;
  readonly account: string | null;
  readonly from: string;
  readonly recipients: number | null;
  readonly bytes: number | null;
  readonly outcome: 'sent' | 'deferred' | 'refused';
  /** What the client was told: as a rule, the upstream's own words. */
  readonly reply: string;
  readonly cause: string | null;
  readonly ms: number;
}

export interface ClientSnapshot {
  readonly id: string;
  readonly peer: string;
  /** Of the message under way. */
  readonly account: string | null;
  readonly stage: SessionStage;
  /** Since it connected. */
  readonly seconds: number;
}

export interface Snapshot {
  readonly version: string;
  readonly time: string;
  readonly started_at: string;
  readonly ready: boolean;
  /** Why the database of the accounts cannot be used; null where it can, or there is none. */
  readonly database_problem: string | null;
  readonly client_sessions: number;
  /** The oldest of them. */
  readonly clients: readonly ClientSnapshot[];
  /** How many accounts there are, and which of them are shown. */
  readonly listing: Listing;
  readonly accounts: readonly AccountSnapshot[];
  /** Newest first. */
  readonly messages: readonly MessageSnapshot[];
  /** Minute by minute, oldest first. */
  readonly throughput: readonly { readonly at: string; readonly sent: number; readonly failed: number }[];
}

/** As many as anybody reads. */
const mostClients = 50;

/** All accounts at one moment, with no more of each than it takes to choose and to count. */
export interface AllAccounts {
  readonly listed: readonly ListedAccount[];
  readonly counts: Counts;
}

/** Made for thousands of accounts every two seconds, so it holds no more than is looked at more than once. */
class ListedAccount implements Traits {
  readonly member: AccountInService;
  readonly state: TokenState;
  readonly remedy: Remedy | null;
  readonly #refusal: UpstreamRefusal | undefined;

  constructor(member: AccountInService, refusal: UpstreamRefusal | undefined) {
    this.member = member;
    this.#refusal = refusal;
    this.state = stateOf(member.tokens?.state);
    this.remedy = this.problem?.failure.remedy ?? null;
  }

  get account(): string {
    return this.member.account.name;
  }

  get provider(): string | null {
    const { account } = this.member;
    return isBroken(account) ? null : account.provider.name;
  }

  get problem(): AppError | undefined {
    const { account, tokens } = this.member;
    return tokens?.problem ?? problemOf(account) ?? this.#problemUpstream;
  }

  /** That the upstream server refuses it: of a token since then it is not known. */
  get #problemUpstream(): AppError | undefined {
    if (this.#refusal === undefined) return undefined;
    const { at, problem } = this.#refusal;
    return (this.member.tokens?.status().issuedAt ?? 0) > at ? undefined : problem;
  }
}

export function lookAtAccounts({ pool, roster }: Pick<StatusSource, 'pool' | 'roster'>): AllAccounts {
  const listed = roster
    .accounts()
    .map((member) => new ListedAccount(member, pool.refusalOf(member.account.name)));
  return { listed, counts: countAccounts(listed, stateWords) };
}

/** With those accounts in full that are asked for. */
export function takeSnapshot(
  source: StatusSource,
  history: History,
  startedAt: number,
  { counts, listed }: AllAccounts,
  selection: Selection,
): Snapshot {
  const { clock, figures, version } = source;
  const { listing, shown } = choose(listed, counts, selection, badness);
  return {
    version,
    time: iso(clock.now()),
    started_at: iso(startedAt),
    ready: source.isReady(),
    database_problem: source.database()?.problem?.message ?? null,
    client_sessions: figures.clientSessions - figures.clientSessionsEnded,
    clients: source
      .sessions()
      .slice(0, mostClients)
      .map((facts) => clientOf(facts, clock.monotonic())),
    listing,
    accounts: shown.map((account) => accountOf(account, source)),
    messages: figures.recent.map(messageOf),
    throughput: history.minutes.map(({ at, failed, sent }) => ({ at: iso(at), sent, failed })),
  };
}

/** Those that no waiting mends come before all others. */
function badness({ remedy, state }: ListedAccount): number {
  if (state === 'fresh') return remedy === null ? 0 : 1;
  return remedy === null || remedy === 'retry' ? 2 : 3;
}

function clientOf({ account, id, openedAt, peer, stage }: SessionFacts, now: number): ClientSnapshot {
  return { id, peer, account: account ?? null, stage, seconds: Math.floor((now - openedAt) / 1000) };
}

const noSessions: Occupancy = { busy: 0, idle: 0, opening: 0, waiting: 0 };

function accountOf(
  { member, problem, provider, remedy, state }: ListedAccount,
  { beginSignIn, figures, pool, refreshes, roster }: StatusSource,
): AccountSnapshot {
  const { account, tokens } = member;
  const { name } = account;
  const refresh = tokens?.status();
  const counts = figures.byAccount.get(name);
  const signIn = roster.signInOf(account);
  const known = signIn ?? (isBroken(account) ? undefined : account);
  const needsNobody = known !== undefined && known.grant.kind !== 'refresh-token';
  return {
    account: name,
    provider,
    state,
    refreshing: refresh?.refreshing ?? false,
    issued_at: isoOrNull(refresh?.issuedAt),
    expires_at: isoOrNull(refresh?.expiresAt),
    next_refresh: isoOrNull(refresh?.nextAttemptAt),
    problem: problem?.message ?? null,
    hint: problem?.hint ?? null,
    remedy,
    sign_in: needsNobody ? 'none' : signIn !== undefined && beginSignIn !== undefined ? 'page' : 'terminal',
    sign_in_command: known === undefined ? null : signInCommand(known),
    refreshes: refreshes
      .marksOf(name)
      .map(({ at, code, outcome }) => ({ at: iso(at), outcome, code: code ?? null })),
    sessions: pool.occupancyOf(name) ?? noSessions,
    messages: {
      sent: counts?.sent ?? 0,
      deferred: counts?.deferred ?? 0,
      refused: counts?.refused ?? 0,
      cut_off: counts?.cutOff ?? 0,
      bytes: counts?.octets ?? 0,
    },
  };
}

/** In the words of the metrics. */
export function stateOf(state: RefresherStatus['state'] | undefined): TokenState {
  if (state === undefined) return 'broken';
  return state === 'holding' ? 'fresh' : state;
}

function messageOf({ at, facts }: StatusSource['figures']['recent'][number]): MessageSnapshot {
  const { account, cause, from, ms, octets, recipients, reply } = facts;
  return {
    at: iso(at),
    account: account ?? null,
    from,
    recipients: recipients ?? null,
    bytes: octets ?? null,
    outcome: reply.code < 300 ? 'sent' : reply.code < 500 ? 'deferred' : 'refused',
    reply: replyText(reply),
    cause: cause?.message ?? null,
    ms,
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function isoOrNull(at: number | undefined): string | null {
  return at === undefined || !Number.isFinite(at) ? null : iso(at);
}
