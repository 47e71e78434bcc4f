/** Signs in at an account's submission server and leaves again: all that can be learnt without sending mail. */
import type { SubmittingAccount } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import type { AccessToken } from '../refresh/token-source.js';
import { logIn } from './login.js';
import { withinTime } from './time-limit.js';

const limitMs = 60_000;

export interface ProbeOptions {
  readonly account: SubmittingAccount;
  readonly token: AccessToken;
  readonly clientName: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The words of EHLO after sign-in. Throws AppError upstream-*; the refusal of the token is an AuthRefused. */
export async function probeSubmission(options: ProbeOptions): Promise<readonly string[]> {
  const { account, clock, signal } = options;
  const { host, port } = account.submission.smtp;
  const late = () =>
    new AppError(
      'upstream-timeout',
      `${host}:${port}: no session was ready within ${limitMs / 1000} seconds`,
    );
  const { extensions, socket } = await withinTime({ clock, limitMs, signal, late }, (inTime) =>
    logIn({ ...options, signal: inTime, dialogue: undefined }),
  );
  socket.end('QUIT\r\n', () => socket.destroySoon());
  return [...extensions.keys()];
}
