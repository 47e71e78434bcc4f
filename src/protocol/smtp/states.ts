/**
 * The order of an SMTP session as tables, for both roles. A missing cell of the server's table is the protocol
 * error (503); the client's table says how long each stage may take and how to speak of it.
 */
import type { Verb } from './command.js';

/**
 * What the client of our server has done so far. `mail` and `recipients` are entered when the command is seen,
 * before the upstream has judged it, so that a pipelined group (RFC 2920) flows through in one piece.
 */
export type ServerState = 'connected' | 'greeted' | 'mail' | 'recipients';

type Row = Partial<Record<Verb, ServerState>>;

function anyTime(state: ServerState): Row {
  return { EHLO: 'greeted', HELO: 'greeted', NOOP: state, VRFY: state, HELP: state, QUIT: state };
}

/** RFC 5321, 4.1.4; after STARTTLS the client has said nothing yet (RFC 3207, 4.2). */
export const serverTransitions: Readonly<Record<ServerState, Row>> = {
  connected: { ...anyTime('connected'), RSET: 'connected' },
  greeted: { ...anyTime('greeted'), RSET: 'greeted', STARTTLS: 'connected', AUTH: 'greeted', MAIL: 'mail' },
  mail: { ...anyTime('mail'), RSET: 'greeted', RCPT: 'recipients' },
  recipients: { ...anyTime('recipients'), RSET: 'greeted', RCPT: 'recipients', DATA: 'recipients' },
};

/** What to say when a cell is missing. */
export function outOfOrder(state: ServerState, verb: Verb): string {
  if (state === 'connected') return 'Send EHLO first';
  if (state !== 'greeted' && (verb === 'MAIL' || verb === 'STARTTLS' || verb === 'AUTH'))
    return 'A transaction is open already: finish it or send RSET';
  return state === 'greeted' ? 'Send MAIL first' : 'Send RCPT first';
}

export type ClientStage = keyof typeof clientStages;

const minutes = 60_000;

/**
 * Time-outs are RFC 5321's (4.5.3.2) where a message is at stake. Before that they are shorter: connecting
 * must fail while the submitting client, which waits up to five minutes for its MAIL reply, is still there.
 */
export const clientStages = {
  connect: { timeoutMs: 30_000, text: 'while connecting' },
  tls: { timeoutMs: 30_000, text: 'during the TLS handshake' },
  greeting: { timeoutMs: 1 * minutes, text: 'while waiting for the greeting' },
  ehlo: { timeoutMs: 1 * minutes, text: 'after EHLO' },
  starttls: { timeoutMs: 1 * minutes, text: 'after STARTTLS' },
  auth: { timeoutMs: 1 * minutes, text: 'after AUTH' },
  mail: { timeoutMs: 5 * minutes, text: 'after MAIL' },
  /** On a session that was kept: what went dead in silence meanwhile is to be found out before the client leaves. */
  keptMail: { timeoutMs: minutes / 2, text: 'after MAIL on a kept session' },
  rcpt: { timeoutMs: 5 * minutes, text: 'after RCPT' },
  data: { timeoutMs: 2 * minutes, text: 'after DATA' },
  body: { timeoutMs: 3 * minutes, text: 'while sending the message' },
  end: { timeoutMs: 10 * minutes, text: 'after the end of the message' },
  rset: { timeoutMs: 1 * minutes, text: 'after RSET' },
} as const;
