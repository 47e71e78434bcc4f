/** After a new sign-in: does the submission server take the token? EHLO and AUTH, and no mail. */
import { hostname } from 'node:os';
import type { SubmittingAccount } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import { exitStatus, toAppError } from '../core/errors.js';
import { AuthRefused } from '../protocol/smtp/client.js';
import type { AccessToken } from '../refresh/token-source.js';
import { ehloName } from '../relay/login.js';
import { probeSubmission } from '../relay/probe.js';
import { adviceForRefusal } from '../relay/refusal-advice.js';
import type { Ui } from './ui.js';

/**
 * Says what the server says. The exit status is 1 when it refuses the token, and 0 when that could not be found out:
 * a server that is away says nothing about a sign-in.
 */
export async function trySignIn(
  account: SubmittingAccount,
  token: AccessToken,
  clock: Clock,
  ui: Ui,
  signal: AbortSignal,
): Promise<number> {
  const { smtp, user } = account.submission;
  const where = `${smtp.host}:${smtp.port}`;
  const signedIn = account.grant.kind === 'refresh-token';
  try {
    await probeSubmission({ account, token, clientName: ehloName(hostname()), clock, signal });
    ui.say(`${where} takes the token for ${user}.`);
    return exitStatus.ok;
  } catch (error) {
    signal.throwIfAborted();
    const { hint, message } = toAppError(error);
    if (error instanceof AuthRefused) {
      ui.fail(
        `${signedIn ? 'the sign-in is complete' : 'there is a token'}, but ${where} does not take it: ${message}`,
        adviceForRefusal(message, account) ?? hint,
      );
      return exitStatus.failed;
    }
    ui.warn(`whether ${where} takes the token could not be seen: ${message}`);
    return exitStatus.ok;
  }
}
