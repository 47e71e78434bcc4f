/**
 * The daemon at one moment, as the page shows it and /status.json gives it: times as ISO 8601, null where nothing is
 * known. No secret is in it, but mailboxes and what servers said of them are.
 */
import { isBroken, problemOf } from '../accounts/account.js';
import { replyText } from '../protocol/smtp/reply.js';
import { signInCommand } from '../refresh/failure.js';
import type { Occupancy } from '../relay/account-sessions.js';
import type { SessionFacts, SessionStage } from '../relay/session-facts.js';
import type { History } from './history.js';
import type { RefreshMark } from './refresh-figures.js';
import type { StatusSource } from './source.js';

export type TokenState = 'fresh' | 'due' | 'troubled' | 'unsaved' | 'broken';

export interface AccountSnapshot {
  readonly account: string;
  readonly state: TokenState;
  readonly refreshing: boolean;
  readonly issued_at: string | null;
  readonly expires_at: string | null;
  readonly next_refresh: string | null;
  readonly problem: string | null;
  readonly hint: string | null;
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
  readonly client_sessions: number;
  /** The oldest of them. */
  readonly clients: readonly ClientSnapshot[];
  readonly accounts: readonly AccountSnapshot[];
  /** Newest first. */
  readonly messages: readonly MessageSnapshot[];
  /** Minute by minute, oldest first. */
  readonly throughput: readonly { readonly at: string; readonly sent: number; readonly failed: number }[];
}

/** As many as anybody reads. */
const mostClients = 50;

export function takeSnapshot(source: StatusSource, history: History, startedAt: number): Snapshot {
  const { clock, figures, pool, roster, version } = source;
  const occupancy = pool.occupancy();
  return {
    version,
    time: iso(clock.now()),
    started_at: iso(startedAt),
    ready: source.isReady(),
    client_sessions: figures.clientSessions - figures.clientSessionsEnded,
    clients: source
      .sessions()
      .slice(0, mostClients)
      .map((facts) => clientOf(facts, clock.monotonic())),
    accounts: roster
      .accounts()
      .map((member) => accountOf(member, source, occupancy.get(member.account.name))),
    messages: figures.recent.map(messageOf),
    throughput: history.minutes.map(({ at, failed, sent }) => ({ at: iso(at), sent, failed })),
  };
}

function clientOf({ account, id, openedAt, peer, stage }: SessionFacts, now: number): ClientSnapshot {
  return { id, peer, account: account ?? null, stage, seconds: Math.floor((now - openedAt) / 1000) };
}

type Member = ReturnType<StatusSource['roster']['accounts']>[number];

function accountOf(
  { account, refresh }: Member,
  { beginSignIn, figures, refreshes, roster }: StatusSource,
  sessions: Occupancy = { busy: 0, idle: 0, opening: 0, waiting: 0 },
): AccountSnapshot {
  const { name } = account;
  const problem = refresh?.problem ?? problemOf(account);
  const counts = figures.byAccount.get(name);
  const signIn = roster.signInOf(account);
  const known = signIn ?? (isBroken(account) ? undefined : account);
  const needsNobody = known !== undefined && known.grant.kind !== 'refresh-token';
  return {
    account: name,
    state: stateOf(refresh?.state),
    refreshing: refresh?.refreshing ?? false,
    issued_at: isoOrNull(refresh?.issuedAt),
    expires_at: isoOrNull(refresh?.expiresAt),
    next_refresh: isoOrNull(refresh?.nextAttemptAt),
    problem: problem?.message ?? null,
    hint: problem?.hint ?? null,
    sign_in: needsNobody ? 'none' : signIn !== undefined && beginSignIn !== undefined ? 'page' : 'terminal',
    sign_in_command: known === undefined ? null : signInCommand(known),
    refreshes: refreshes
      .marksOf(name)
      .map(({ at, code, outcome }) => ({ at: iso(at), outcome, code: code ?? null })),
    sessions,
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
export function stateOf(state: NonNullable<Member['refresh']>['state'] | undefined): TokenState {
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
