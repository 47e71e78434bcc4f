/**
 * Every fault of an upstream server at every stage of its session, and what the submitting client is told of it.
 * The tests play each cell, docs/reliability.md prints them. `judge` in play.ts checks in every cell, besides, that
 * what was told and what the upstream has agree.
 */
import { clientStages } from '../../src/protocol/smtp/states.js';

export const stages = [
  'connect',
  'greeting',
  'EHLO',
  'STARTTLS',
  'TLS handshake',
  'AUTH',
  'MAIL',
  'RCPT',
  'DATA',
  'mid-body',
  'final dot',
  'after the dot',
  'RSET',
  'idle',
] as const;
export type Stage = (typeof stages)[number];

export const faults = [
  'refuses us',
  '4yz',
  '5yz',
  'garbage',
  'over-long line',
  'lines without end',
  '421',
  'silence',
  'RST',
  'FIN',
  'slow drip',
  'endless drip',
  'plaintext behind it',
  'wrong name',
  'expired certificate',
  'self-signed certificate',
  'TLS 1.1 at most',
] as const;
export type Fault = (typeof faults)[number];

export type Outcome =
  /** A reply of ours to the first command that cannot be carried out, and the message is not sent. */
  | {
      readonly kind: 'deferred';
      /** Code and enhanced code. */
      readonly reply: string;
      readonly afterMs?: number;
      /** The upstream has the message, and the reply that said so was lost. */
      readonly twice?: boolean;
    }
  /** The upstream's own reply, word for word; at RCPT the message goes to the other recipients. */
  | { readonly kind: 'passed on'; readonly reply: string }
  /** 250: the message is sent, as if nothing were, or on a fresh session. */
  | { readonly kind: 'sent'; readonly how: 'late' | 'fresh session'; readonly afterMs?: number }
  /** There is no such thing. */
  | { readonly kind: 'none' };

const none: Outcome = { kind: 'none' };
const late: Outcome = { kind: 'sent', how: 'late' };
const fresh: Outcome = { kind: 'sent', how: 'fresh session' };
const broken = deferred('451 4.4.0');
const lost = deferred('451 4.4.2');
const unauthenticated = deferred('454 4.7.0');

function deferred(reply: string, afterMs?: number): Outcome {
  return afterMs === undefined ? { kind: 'deferred', reply } : { kind: 'deferred', reply, afterMs };
}

function passedOn(reply: string): Outcome {
  return { kind: 'passed on', reply };
}

type Row = Readonly<Partial<Record<Fault, Outcome>>>;

/** A reply is awaited; what is wrong with it decides. */
function awaited(stage: keyof typeof clientStages): Row {
  const inVain = deferred('451 4.4.2', clientStages[stage].timeoutMs);
  return {
    garbage: broken,
    'over-long line': broken,
    'lines without end': broken,
    silence: inVain,
    RST: lost,
    FIN: lost,
    'slow drip': late,
    'endless drip': inVain,
  };
}

/** Before there is a session nothing is said about a message, so nothing that is said refuses one. */
function opening(stage: keyof typeof clientStages): Row {
  return { 'refuses us': broken, '4yz': broken, '5yz': broken, '421': broken, ...awaited(stage) };
}

/** What is said is about the message: it passes. */
function aboutMessage(stage: keyof typeof clientStages): Row {
  return {
    'refuses us': unauthenticated,
    '4yz': passedOn('450 4.7.1'),
    '5yz': passedOn('550 5.7.1'),
    '421': deferred('451 4.3.2'),
    ...awaited(stage),
  };
}

/** Nobody waits for the session's answer, and another session takes its place. */
const betweenMessages: Row = {
  'refuses us': fresh,
  '4yz': fresh,
  '5yz': fresh,
  garbage: fresh,
  'over-long line': fresh,
  'lines without end': fresh,
  '421': fresh,
  silence: fresh,
  RST: fresh,
  FIN: fresh,
  'slow drip': fresh,
  'endless drip': fresh,
};

const certificates: Row = {
  'wrong name': broken,
  'expired certificate': broken,
  'self-signed certificate': broken,
  'TLS 1.1 at most': broken,
};

const rows: Readonly<Record<Stage, Row>> = {
  connect: {
    'refuses us': deferred('451 4.4.1'),
    silence: deferred('451 4.4.2', clientStages.connect.timeoutMs),
    RST: lost,
    FIN: lost,
  },
  greeting: opening('greeting'),
  EHLO: opening('ehlo'),
  STARTTLS: { ...opening('starttls'), 'plaintext behind it': broken },
  'TLS handshake': { ...opening('tls'), RST: broken, FIN: broken, ...certificates },
  AUTH: {
    ...opening('auth'),
    'refuses us': unauthenticated,
    '4yz': unauthenticated,
    '5yz': unauthenticated,
  },
  MAIL: aboutMessage('mail'),
  RCPT: aboutMessage('rcpt'),
  DATA: aboutMessage('data'),
  'mid-body': aboutMessage('body'),
  'final dot': aboutMessage('end'),
  'after the dot': Object.fromEntries(
    Object.entries({ ...awaited('end'), '421': deferred('451 4.3.2') }).map(([fault, outcome]) => [
      fault,
      outcome.kind === 'deferred' ? { ...outcome, twice: true } : outcome,
    ]),
  ),
  RSET: { ...betweenMessages, 'slow drip': late },
  // A session that has gone dead in silence is found out by the next MAIL.
  idle: { ...betweenMessages, silence: { ...fresh, afterMs: clientStages.keptMail.timeoutMs } },
};

export function outcomeOf(fault: Fault, stage: Stage): Outcome {
  return rows[stage][fault] ?? none;
}
