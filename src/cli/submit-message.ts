/**
 * One real message, composed and submitted as a mail program would do it, and what the server said to each recipient.
 * The only importer of nodemailer, which is not on the relay's way: it stands for the programs that are.
 */
import { createTransport, type SentMessageInfo } from 'nodemailer';
import type { Secret } from '../core/secret.js';
import type { SmtpHost } from '../providers/provider.js';

export interface Submission {
  readonly server: SmtpHost;
  /** Undefined: the server asks for none, as the relay. */
  readonly login?: { readonly user: string; readonly token: Secret } | undefined;
  /** PEM texts of the authorities trusted; undefined: the built-in ones. */
  readonly ca?: string[] | undefined;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** Gets each line of the dialogue, without the token. */
  readonly dialogue: (line: string) => void;
}

export interface Submitted {
  readonly accepted: readonly string[];
  /** With what the server said to each. */
  readonly refused: readonly { readonly recipient: string; readonly reply: string }[];
  /** To the whole message; undefined when it did not come to that. */
  readonly reply: string | undefined;
}

/** The server refused, or there was no session; `reply` is what it said. */
export class SubmissionError extends Error {
  override readonly name = 'SubmissionError';
  /** 4yz or 5yz; undefined when no reply is to blame. */
  readonly code: number | undefined;

  constructor(message: string, code: number | undefined) {
    super(message);
    this.code = code;
  }
}

/** Resolves when at least one recipient was accepted; else throws SubmissionError. */
export async function submitMessage(submission: Submission): Promise<Submitted> {
  const { ca, from, login, server, subject, text, to } = submission;
  const transport = createTransport({
    host: server.host,
    port: server.port,
    secure: server.tls === 'implicit',
    ignoreTLS: server.tls === 'none',
    requireTLS: server.tls === 'starttls',
    tls: { minVersion: 'TLSv1.2', ...(ca && { ca }) },
    ...(login && { auth: { type: 'OAuth2', user: login.user, accessToken: login.token.reveal() } }),
    debug: true,
    logger: dialogueLogger(submission),
  });
  try {
    const info = (await transport.sendMail({ from, to: [...to], subject, text })) as SentMessageInfo &
      Rejections;
    return {
      accepted: (info.accepted ?? []).map(String),
      refused: (info.rejectedErrors ?? []).map(({ recipient = '', response = '' }) => ({
        recipient,
        reply: response,
      })),
      reply: info.response,
    };
  } catch (thrown) {
    const { message, response, responseCode } = thrown as Error & {
      response?: string;
      responseCode?: number;
    };
    throw new SubmissionError(withoutToken(response ?? message, login?.token), responseCode);
  } finally {
    transport.close();
  }
}

interface Rejections {
  readonly rejectedErrors?: readonly { readonly recipient?: string; readonly response?: string }[];
}

/** nodemailer's log entries that are lines of the dialogue: `tnx` says whose. */
function dialogueLogger({ dialogue, login }: Submission) {
  const line = ({ tnx }: { tnx?: string }, text: unknown) => {
    const who = { client: 'C', server: 'S' }[tnx ?? ''];
    if (who === undefined || typeof text !== 'string') return;
    for (const part of text.trimEnd().split(/\r?\n/)) dialogue(`${who}: ${withoutToken(part, login?.token)}`);
  };
  const nothing = () => undefined;
  return {
    level: nothing,
    trace: line,
    debug: line,
    info: nothing,
    warn: nothing,
    error: nothing,
    fatal: nothing,
  };
}

/** Plain, or within a SASL response. */
function withoutToken(text: string, token: Secret | undefined): string {
  if (token === undefined) return text;
  return text
    .replaceAll(token.reveal(), '[redacted]')
    .replace(/(AUTH \S+ ).*/i, '$1[redacted]')
    .replace(/^[A-Za-z0-9+/=]{40,}$/, '[redacted]');
}
