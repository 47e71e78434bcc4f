/**
 * One real message, composed and submitted as a mail program would do it, and what the server said to each recipient.
 * The only importer of nodemailer, which is not on the relay's way: it stands for the programs that are. AUTH alone is
 * ours: nodemailer's is one line however long the token is, which Gmail refuses, and it has no OAUTHBEARER.
 */
import { createTransport, type SentMessageInfo } from 'nodemailer';
import { AppError } from '../core/errors.js';
import type { MechanismName } from '../protocol/sasl/choose.js';
import { withoutEcho } from '../protocol/sasl/echo.js';
import type { Credentials } from '../protocol/sasl/mechanism.js';
import { authenticate, AuthRefused } from '../protocol/smtp/client.js';
import type { SmtpHost } from '../providers/provider.js';

export interface Submission {
  readonly server: SmtpHost;
  /** Undefined: the server asks for none, as the relay. */
  readonly login?:
    { readonly credentials: Credentials; readonly mechanism: MechanismName | undefined } | undefined;
  /** PEM texts of the authorities trusted; undefined: the built-in ones. */
  readonly ca?: string[] | undefined;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** Gets each line of the dialogue, without the token. */
  readonly dialogue: (line: string) => void;
  /** Aborted: the connection is cut, and the attempt fails. */
  readonly signal: AbortSignal;
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

/**
 * Resolves when at least one recipient was accepted; else throws SubmissionError, or AppError upstream-mechanism when
 * the server has no AUTH for tokens.
 */
export async function submitMessage(submission: Submission): Promise<Submitted> {
  const { ca, from, login, server, signal, subject, text, to } = submission;
  const conversation = new Dialogue(submission.dialogue);
  const transport = createTransport({
    host: server.host,
    port: server.port,
    secure: server.tls === 'implicit',
    ignoreTLS: server.tls === 'none',
    requireTLS: server.tls === 'starttls',
    tls: { minVersion: 'TLSv1.2', ...(ca && { ca }) },
    ...(login && {
      auth: { type: 'custom', method: ourAuth, user: login.credentials.user, pass: '' },
      // Without AUTH in the offer, it would send without a sign-in.
      forceAuth: true,
      customAuth: { [ourAuth]: (context: Commands) => conversation.signIn(login, context) },
    }),
    debug: true,
    logger: conversation.logger(),
  });
  try {
    const message = { from, to: [...to], subject, text, signal };
    const info = (await transport.sendMail(message)) as SentMessageInfo & Rejections;
    return {
      accepted: (info.accepted ?? []).map(String),
      refused: (info.rejectedErrors ?? []).map(({ recipient = '', response = '' }) => ({
        recipient,
        reply: conversation.clean(response),
      })),
      reply: info.response,
    };
  } catch (thrown) {
    const { refusal } = conversation;
    if (refusal instanceof AuthRefused) throw new SubmissionError(refusal.message, refusal.reply.code);
    if (refusal !== undefined) throw refusal;
    const { message, response, responseCode } = thrown as Error & {
      response?: string;
      responseCode?: number;
    };
    throw new SubmissionError(conversation.clean(response ?? message), responseCode);
  } finally {
    transport.close();
  }
}

/** What nodemailer calls a way to sign in that is not its own. */
const ourAuth = 'BEARER';

/** Of what it hands to that way. */
interface Commands {
  sendCommand(line: string): Promise<{ readonly response: string }>;
}

interface Rejections {
  readonly rejectedErrors?: readonly { readonly recipient?: string; readonly response?: string }[];
}

/** What is said, line by line, and the sign-in within. */
class Dialogue {
  /** Why the sign-in failed: nodemailer would change the error. */
  refusal: AppError | undefined;
  readonly #show: (line: string) => void;
  /** As the last EHLO was answered; nodemailer tells of mechanisms that it knows only. */
  #mechanisms: readonly string[] = [];
  #secrets: readonly string[] = [];

  constructor(show: (line: string) => void) {
    this.#show = show;
  }

  async signIn(login: NonNullable<Submission['login']>, context: Commands): Promise<void> {
    try {
      const steps = authenticate(login, new Map([['AUTH', this.#mechanisms]]));
      let { done, value: step } = steps.next();
      while (done !== true && step) {
        this.#secrets = step.secrets;
        const { response } = await context.sendCommand((step.line ?? '').trimEnd());
        const lines = response.split(/\r?\n/).map((line) => line.slice(4));
        const reply = withoutEcho({ code: Number(response.slice(0, 3)), lines }, step.secrets);
        ({ done, value: step } = steps.next(reply));
      }
    } catch (error) {
      if (error instanceof AppError) this.refusal = error;
      throw new Error('not signed in', { cause: error });
    }
  }

  /** A line that the server said, without what it repeats of the token. */
  clean(line: string): string {
    return withoutEcho({ code: 0, lines: [line] }, this.#secrets).lines[0] ?? '';
  }

  /** For nodemailer, which marks the lines of the dialogue by `tnx`, and hides what is secret in ours. */
  logger() {
    const line = ({ tnx }: { tnx?: string }, text: unknown) => {
      if (typeof text !== 'string') return;
      for (const part of text.trimEnd().split(/\r?\n/))
        if (tnx === 'client') this.#show(`C: ${part.replace('/* secret */', '[redacted]')}`);
        else if (tnx === 'server') this.#hear(part);
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

  #hear(line: string): void {
    const [, offer] = /^250[ -]AUTH[ =](.*)$/i.exec(line) ?? [];
    if (offer !== undefined) this.#mechanisms = offer.toUpperCase().trim().split(/\s+/);
    this.#show(`S: ${this.clean(line)}`);
  }
}
