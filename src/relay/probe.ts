/** Speaks with an account's submission server and leaves again: all that can be learnt without sending mail. */
import type { SubmittingAccount } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import type { Extensions } from '../protocol/smtp/client.js';
import type { AccessToken } from '../refresh/token-source.js';
import { greet, type Login, logIn } from './login.js';
import { withinTime } from './time-limit.js';

const limitMs = 60_000;

export interface ServerProbe {
  readonly account: SubmittingAccount;
  readonly clientName: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface ProbeOptions extends ServerProbe {
  readonly token: AccessToken;
}

/** The words of EHLO after sign-in. Throws AppError upstream-*; the refusal of the token is an AuthRefused. */
export async function probeSubmission(options: ProbeOptions): Promise<readonly string[]> {
  const extensions = await visit(options, (signal) => logIn({ ...options, signal, dialogue: undefined }));
  return [...extensions.keys()];
}

/** What EHLO offers to whoever comes, after STARTTLS where there is one. Throws AppError upstream-*. */
export function probeServer(options: ServerProbe): Promise<Extensions> {
  return visit(options, (signal) => greet({ ...options, signal, dialogue: undefined }));
}

async function visit(
  { account, clock, signal }: ServerProbe,
  begin: (signal: AbortSignal) => Promise<Login>,
): Promise<Extensions> {
  const { host, port } = account.submission.smtp;
  const late = () =>
    new AppError(
      'upstream-timeout',
      `${host}:${port}: no session was ready within ${limitMs / 1000} seconds`,
    );
  const { extensions, socket } = await withinTime({ clock, limitMs, signal, late }, begin);
  socket.end('QUIT\r\n', () => socket.destroySoon());
  return extensions;
}
