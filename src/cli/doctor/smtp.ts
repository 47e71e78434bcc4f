/** Whether the submission server answers, and whether it takes the token: EHLO and AUTH, and no mail. */
import { hostname } from 'node:os';
import { type Account, canSubmit, type SubmittingAccount } from '../../accounts/account.js';
import { toAppError } from '../../core/errors.js';
import { ehloName } from '../../relay/login.js';
import { probeServer, probeSubmission } from '../../relay/probe.js';
import { adviceForRefusal } from '../../relay/refusal-advice.js';
import { type AccountCheck, failWith, pass, type Patient, skip, usable, type Verdict } from './check.js';

export const ehloCheck: AccountCheck = {
  name: 'EHLO',
  looksAt:
    'The SMTP server without a sign-in: DNS, connection, TLS and its certificate, and what EHLO offers.',
  mendedBy: '`smtp.host`, `smtp.port`, `smtp.tls`, `ca_bundle_file`, or the firewall.',
  needs: [],
  run: (patient) =>
    atServer(patient, async (options) => {
      const extensions = await probeServer(options);
      const mechanisms = extensions.get('AUTH') ?? [];
      const offers = mechanisms.length === 0 ? 'no AUTH' : `AUTH ${mechanisms.join(' ')}`;
      const { host, port, tls } = options.account.submission.smtp;
      return pass(`${host}:${port} answers (${tls === 'none' ? 'no TLS' : tls}), and offers ${offers}`);
    }),
};

export const authCheck: AccountCheck = {
  name: 'AUTH',
  looksAt: 'Whether the SMTP server takes the access token of the file. No mail is sent.',
  mendedBy:
    'What the line says the server means: see [what SMTP servers say](errors.md#what-smtp-servers-say).',
  needs: ['account', 'EHLO'],
  run: (patient) =>
    atServer(patient, async (options) => {
      // The refresh before may have written another.
      const { accessToken, expiresAt } = await usable(patient).store.read();
      if (accessToken === undefined || expiresAt <= options.clock.now())
        return skip('there is no living access token to show');
      await probeSubmission({ ...options, token: { secret: accessToken, expiresAt } });
      const { smtp, user } = options.account.submission;
      return pass(`${smtp.host}:${smtp.port} takes ${user}'s token`);
    }),
};

interface AtServer {
  readonly account: SubmittingAccount;
  readonly clientName: string;
  readonly clock: Patient['machine']['clock'];
  readonly signal: AbortSignal;
}

async function atServer(
  { account, machine: { clock, signal } }: Patient,
  look: (options: AtServer) => Promise<Verdict>,
): Promise<readonly Verdict[]> {
  if (!canSubmit(account)) return [skip(whyNot(account))];
  try {
    return [await look({ account, clientName: ehloName(hostname()), clock, signal })];
  } catch (error) {
    signal.throwIfAborted();
    const failure = toAppError(error);
    return [failWith(failure, adviceForRefusal(failure.message, account))];
  }
}

function whyNot({ submission }: Account): string {
  return `it is only kept fresh: ${'message' in submission ? submission.message : ''}`;
}
