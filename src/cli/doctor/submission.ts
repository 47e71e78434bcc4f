/** Whether the submission server takes the token: EHLO and AUTH, and no mail. */
import { hostname } from 'node:os';
import { canSubmit } from '../../accounts/account.js';
import { type AppError, toAppError } from '../../core/errors.js';
import { ehloName } from '../../relay/login.js';
import { probeSubmission } from '../../relay/probe.js';
import { adviceForRefusal } from '../../relay/refusal-advice.js';
import { type AccountCheck, failWith, pass, skip } from './check.js';

export const submissionCheck: AccountCheck = {
  name: 'SMTP sign-in',
  async run({ account, found, machine: { clock, signal } }) {
    if (!canSubmit(account)) return failWith(account.submission as AppError);
    const { smtp, user } = account.submission;
    try {
      const { accessToken, expiresAt } = await found.store.read();
      if (accessToken === undefined) return skip('there is no token to show');
      const token = { secret: accessToken, expiresAt };
      await probeSubmission({ account, token, clientName: ehloName(hostname()), clock, signal });
      return pass(`${smtp.host}:${smtp.port} takes ${user}'s token`);
    } catch (error) {
      signal.throwIfAborted();
      const failure = toAppError(error);
      return failWith(failure, adviceForRefusal(failure.message));
    }
  },
};
