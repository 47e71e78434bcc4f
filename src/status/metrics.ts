/**
 * The metrics, by the conventions of Prometheus: seconds and bytes, totals that only grow. They are read off plain
 * numbers when they are asked for; nothing is counted here. docs/metrics.md is printed from this table.
 */
import { collectDefaultMetrics, Counter, Gauge, type Histogram, Registry } from 'prom-client';
import type { Distribution } from '../core/distribution.js';
import { type FailureCode, failures } from '../core/errors.js';
import { collectedHistogram } from './collected-histogram.js';
import { refreshOutcomes } from './refresh-figures.js';
import { stateOf } from './snapshot.js';
import type { StatusSource } from './source.js';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

interface Definition {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}
type Figure = Definition & {
  readonly kind: 'gauge' | 'counter';
  read(source: StatusSource): readonly Sample[];
};
type Spread = Definition & { readonly kind: 'histogram'; readMs(source: StatusSource): Distribution };

const none: Labels = {};
const codes = Object.keys(failures) as FailureCode[];
const one = (value: number): readonly Sample[] => [[none, value]];

export const metrics: readonly (Figure | Spread)[] = [
  {
    name: 'mailbearer_info',
    help: 'Always 1; its label says which version runs.',
    kind: 'gauge',
    labels: ['version'],
    read: ({ version }) => [[{ version }, 1]],
  },
  {
    name: 'mailbearer_ready',
    help: '1 while it listens and knows the tokens, else 0.',
    kind: 'gauge',
    read: (source) => one(source.isReady() ? 1 : 0),
  },
  {
    name: 'mailbearer_database_up',
    help: '1 while the database of the accounts can be used, else 0; not there where accounts are in files.',
    kind: 'gauge',
    read: (source) => {
      const database = source.database();
      return database === undefined ? [] : one(database.problem === undefined ? 1 : 0);
    },
  },
  {
    name: 'mailbearer_tokens',
    help:
      'Accounts by the state of their token: fresh; due, with none to use before a refresh; troubled, where the last' +
      ' refresh failed; unsaved, in memory only; broken, where file or configuration is at fault.',
    kind: 'gauge',
    labels: ['state'],
    read: tokensByState,
  },
  {
    name: 'mailbearer_token_expiry_seconds',
    help:
      'Seconds until the access token expires, below 0 once it has; of the account whose token expires first, or with' +
      ' `name_accounts` of each.',
    kind: 'gauge',
    labels: ['account'],
    read: secondsToExpiry,
  },
  {
    name: 'mailbearer_refreshes_total',
    help: 'Refreshes by outcome: refreshed; found, where another process had done it; superseded by a new sign-in; failed.',
    kind: 'counter',
    labels: ['outcome'],
    read: ({ refreshes }) => refreshOutcomes.map((outcome) => [{ outcome }, refreshes.countOf(outcome)]),
  },
  {
    name: 'mailbearer_refresh_failures_total',
    help: 'Failed refreshes by the code of their failure, as in errors.md.',
    kind: 'counter',
    labels: ['code'],
    // From the start, since Prometheus takes the first sight of a counter for its beginning.
    read: ({ refreshes }) => codes.map((code) => [{ code }, refreshes.failuresOf(code)]),
  },
  {
    name: 'mailbearer_refresh_duration_seconds',
    help: 'How long refreshes took, those that failed too.',
    kind: 'histogram',
    readMs: ({ refreshes }) => refreshes.durations,
  },
  {
    name: 'mailbearer_messages_total',
    help:
      'Messages by what became of them: sent, deferred (4yz), refused (5yz), or cut_off by their client before the end;' +
      ' with `name_accounts` for each account, "" standing for senders without one.',
    kind: 'counter',
    labels: ['outcome', 'account'],
    read: messagesByOutcome,
  },
  {
    name: 'mailbearer_message_bytes_total',
    help: 'Bytes of the messages that were sent.',
    kind: 'counter',
    read: ({ figures }) => one(total([...figures.byAccount.values()].map(({ octets }) => octets))),
  },
  {
    name: 'mailbearer_message_duration_seconds',
    help: 'From MAIL to the last reply, however it ended.',
    kind: 'histogram',
    readMs: ({ figures }) => figures.messages,
  },
  {
    name: 'mailbearer_client_sessions',
    help: 'Sessions with clients now.',
    kind: 'gauge',
    read: ({ figures }) => one(figures.clientSessions - figures.clientSessionsEnded),
  },
  {
    name: 'mailbearer_client_sessions_total',
    help: 'Sessions with clients since the start.',
    kind: 'counter',
    read: ({ figures }) => one(figures.clientSessions),
  },
  {
    name: 'mailbearer_clients_turned_away_total',
    help: 'Connections that a limit, or the networks of a port, did not let in.',
    kind: 'counter',
    read: ({ figures }) => one(figures.clientsTurnedAway),
  },
  {
    name: 'mailbearer_upstream_sessions',
    help: 'Sessions with upstream servers now: busy with a message, idle, or opening.',
    kind: 'gauge',
    labels: ['state'],
    read: ({ pool }) => {
      const all = [...pool.occupancy().values()];
      return (['busy', 'idle', 'opening'] as const).map((state) => [
        { state },
        total(all.map((each) => each[state])),
      ]);
    },
  },
  {
    name: 'mailbearer_upstream_replies_total',
    help: 'Replies of upstream servers to messages and their commands, by class.',
    kind: 'counter',
    labels: ['class'],
    read: ({ figures }) => [2, 3, 4, 5].map((digit) => [{ class: `${digit}xx` }, figures.replies[digit]!]),
  },
  {
    name: 'mailbearer_upstream_auth_retries_total',
    help: 'Tokens that a server refused, and that were renewed for a second attempt.',
    kind: 'counter',
    read: ({ figures }) => one(figures.authRetries),
  },
  {
    name: 'mailbearer_upstream_login_failures_total',
    help: 'Attempts to connect and sign in to an upstream server that failed.',
    kind: 'counter',
    read: ({ figures }) => one(figures.loginsFailed),
  },
  {
    name: 'mailbearer_upstream_login_duration_seconds',
    help: 'How long it took to connect and sign in, where that succeeded.',
    kind: 'histogram',
    readMs: ({ figures }) => figures.logins,
  },
  {
    name: 'mailbearer_messages_waiting',
    help: 'Messages that wait now for a turn at an account that has all that its provider allows.',
    kind: 'gauge',
    read: ({ pool }) => one(total([...pool.occupancy().values()].map(({ waiting }) => waiting))),
  },
  {
    name: 'mailbearer_wait_duration_seconds',
    help: 'How long messages waited for their turn.',
    kind: 'histogram',
    readMs: ({ figures }) => figures.waits,
  },
  {
    name: 'mailbearer_waits_given_up_total',
    help: 'Messages that were deferred because too many waited, or for too long.',
    kind: 'counter',
    read: ({ figures }) => one(figures.waitsGivenUp),
  },
  {
    name: 'mailbearer_socketmap_lookups_total',
    help:
      'Questions of Postfix to the socketmap by answer: ok; notfound, where no account is meant; temp, where there is no' +
      ' token now; perm, for what is no question.',
    kind: 'counter',
    labels: ['answer'],
    read: ({ questions }) => Object.entries(questions.answers).map(([answer, count]) => [{ answer }, count]),
  },
];

/** With those that prom-client has of the process and of Node: CPU, memory, file descriptors, event-loop delay. */
export function openRegistry(source: StatusSource): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const metric of metrics) registry.registerMetric(shown(metric, source));
  return registry;
}

function shown(metric: Figure | Spread, source: StatusSource): Gauge | Counter | Histogram {
  const { help, labels = [], name } = metric;
  const common = { name, help, labelNames: [...labels], registers: [] };
  if (metric.kind === 'histogram') return collectedHistogram(common, () => metric.readMs(source));
  if (metric.kind === 'gauge') {
    return new Gauge({
      ...common,
      collect() {
        this.reset();
        for (const [of, value] of metric.read(source)) this.set(of, value);
      },
    });
  }
  return new Counter({
    ...common,
    collect() {
      this.reset();
      for (const [of, value] of metric.read(source)) this.inc(of, value);
    },
  });
}

function tokensByState({ roster }: StatusSource): readonly Sample[] {
  const counts = { fresh: 0, due: 0, troubled: 0, unsaved: 0, broken: 0 };
  for (const { tokens } of roster.accounts()) counts[stateOf(tokens?.state)]++;
  return Object.entries(counts).map(([state, count]) => [{ state }, count]);
}

function secondsToExpiry({ clock, nameAccounts, roster }: StatusSource): readonly Sample[] {
  const lives = roster.accounts().flatMap(({ account, tokens }): Sample[] => {
    const expiresAt = tokens?.status().expiresAt;
    if (expiresAt === undefined) return [];
    return [[{ account: account.name }, Math.round((expiresAt - clock.now()) / 1000)]];
  });
  if (nameAccounts || lives.length === 0) return lives;
  return one(lives.reduce((least, [, seconds]) => Math.min(least, seconds), Infinity));
}

function messagesByOutcome({ figures, nameAccounts, roster }: StatusSource): readonly Sample[] {
  const silent = nameAccounts ? roster.accounts().map(({ account }) => account.name) : [];
  const names = new Set([...silent, ...figures.byAccount.keys()]);
  const outcomes = { sent: 'sent', deferred: 'deferred', refused: 'refused', cut_off: 'cutOff' } as const;
  return Object.entries(outcomes).flatMap(([outcome, key]): Sample[] => {
    const counts = [...names].map((name) => [name, figures.byAccount.get(name)?.[key] ?? 0] as const);
    return nameAccounts
      ? counts.map(([account, count]) => [{ outcome, account }, count])
      : [[{ outcome }, total(counts.map(([, count]) => count))]];
  });
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
