/**
 * Every fault of a submitting client at every stage of its session: what it is told, if it can still hear, and
 * whether the upstream gets its message. The tests play each cell, docs/reliability.md prints them.
 */

/** What the client has done last; its reply, if there is one, is still to come. `idle`: its message was sent before. */
export const clientStages = [
  'connect',
  'EHLO',
  'MAIL',
  'RCPT',
  'DATA',
  'mid-body',
  'after the dot',
  'idle',
] as const;
export type ClientStage = (typeof clientStages)[number];

/** A client that goes away may do so before the relay has read all, or while the upstream thinks about it. */
export const clientFaults = ['vanishes (RST)', 'vanishes (FIN)', 'half-closes', 'falls silent'] as const;
export type ClientFault = (typeof clientFaults)[number];

export interface ClientOutcome {
  /** The last reply, with its enhanced code if it is ours; undefined: there is nobody to tell. */
  readonly told: string | undefined;
  readonly sent: boolean;
}

/** Undefined where there is no such thing. */
export function clientOutcomeOf(fault: ClientFault, stage: ClientStage): ClientOutcome | undefined {
  const sent = stage === 'after the dot' || stage === 'idle';
  switch (fault) {
    case 'vanishes (RST)':
    case 'vanishes (FIN)':
      return { told: undefined, sent };
    case 'half-closes':
      return { told: repliesTo[stage], sent };
    case 'falls silent':
      return stage === 'after the dot' ? undefined : { told: '421 4.4.2', sent };
  }
}

/** What a client that has closed its half still hears before the relay closes the other. */
const repliesTo: Readonly<Record<ClientStage, string | undefined>> = {
  connect: undefined,
  EHLO: '250',
  MAIL: '250',
  RCPT: '250',
  DATA: '354',
  'mid-body': undefined,
  'after the dot': '250',
  idle: undefined,
};

/** Faults that are not of a stage, and what becomes of the client. */
export const excesses = {
  'never reads its replies':
    'it is not read from either; after five minutes 421 4.4.2, and ten seconds later it is cut off',
  'sends 10 MB without a newline as a command': '500 5.5.2 once, and the session goes on',
  'sends 10 MB without a newline in a message': 'the message is sent as it is',
  'pipelines more than it may while it waits':
    'it is not read from until the server has answered; then each command gets its reply',
  'opens 5,000 connections and says nothing': 'each is greeted or told 421; other sessions go on',
} as const;
