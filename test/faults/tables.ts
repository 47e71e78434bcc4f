/** The tables of docs/reliability.md, made from the outcomes that the tests hold the relay to. */
import { table } from '../support/manual-tables.js';
import { clientFaults, type ClientOutcome, clientOutcomeOf, clientStages, excesses } from './clients.js';
import { faults, type Outcome, outcomeOf, type Stage } from './matrix.js';

const parts = {
  opening: ['connect', 'greeting', 'EHLO', 'STARTTLS', 'TLS handshake', 'AUTH'],
  message: ['MAIL', 'RCPT', 'DATA', 'mid-body', 'final dot', 'after the dot'],
  between: ['RSET', 'idle'],
} as const satisfies Readonly<Record<string, readonly Stage[]>>;

export function faultTables(): Map<string, string> {
  return new Map([
    ...Object.entries(parts).map(([name, stages]) => [name, upstreamTable(stages)] as const),
    ['clients', clientTable()],
    ['excesses', table(['a client that', 'outcome'], Object.entries(excesses))],
  ]);
}

function upstreamTable(stages: readonly Stage[]): string {
  const rows = faults
    .map((fault) => ({ fault, outcomes: stages.map((stage) => outcomeOf(fault, stage)) }))
    .filter(({ outcomes }) => outcomes.some(({ kind }) => kind !== 'none'));
  return table(
    ['server', ...stages],
    rows.map(({ fault, outcomes }) => [fault, ...outcomes.map(inShort)]),
  );
}

function clientTable(): string {
  return table(
    ['client', ...clientStages],
    clientFaults.map((fault) => [
      fault,
      ...clientStages.map((stage) => clientInShort(clientOutcomeOf(fault, stage))),
    ]),
  );
}

function inShort(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'deferred': {
      return `${outcome.reply}${after(outcome.afterMs)}${outcome.twice ? ' †' : ''}`;
    }
    case 'passed on':
      return `${outcome.reply} passed on`;
    case 'sent':
      return `${outcome.how === 'late' ? 'sent' : 'sent anew'}${after(outcome.afterMs)}`;
    case 'none':
      return '–';
  }
}

function after(ms: number | undefined): string {
  return ms === undefined ? '' : ` after ${duration(ms)}`;
}

function clientInShort(outcome: ClientOutcome | undefined): string {
  if (outcome === undefined) return '–';
  const { sent, told } = outcome;
  return `${told === undefined ? '' : `${told}, `}${sent ? 'sent' : 'not sent'}`;
}

function duration(ms: number): string {
  return ms < 60_000 ? `${ms / 1000} s` : `${ms / 60_000} min`;
}
