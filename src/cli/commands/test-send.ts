/**
 * `test-send`: a real message, through the relay as Postfix would send it, or with `--direct` straight to the
 * provider as the sender's account. The dialogue goes to standard error, the outcome to standard output.
 */
import { canSubmit, type SubmittingAccount } from '../../accounts/account.js';
import { readTrustedRoots } from '../../accounts/trusted-roots.js';
import { nearAddress, plainListener } from '../../config/listener.js';
import { isAddress } from '../../config/values.js';
import { AppError, exitStatus } from '../../core/errors.js';
import { adviceForRefusal } from '../../relay/refusal-advice.js';
import { type Context, openContext } from '../context.js';
import { findAccount, requireUsable } from '../find-account.js';
import { freshToken } from '../fresh-token.js';
import { untilInterrupted } from '../interrupt.js';
import { type Submission, SubmissionError, submitMessage, type Submitted } from '../submit-message.js';
import type { Ui } from '../ui.js';

export interface TestSendOptions {
  readonly configFile?: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject?: string;
  readonly direct?: boolean;
  readonly json?: boolean;
}

type Way = Pick<Submission, 'server' | 'login' | 'ca'> & { readonly account?: SubmittingAccount };

/** Resolves to 0; 1 when a recipient or the message was refused, 75 when it was deferred, 69 without a session. */
export function runTestSend(options: TestSendOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    for (const address of [options.from, ...options.to])
      if (!isAddress(address))
        throw new AppError('usage', `${address} is no address`, { hint: 'it looks like me@example.org' });
    const context = await openContext(options.configFile);
    const { account, ...way }: Way =
      options.direct === true ? await direct(options.from, context, ui, signal) : throughRelay(context);
    const { host, port } = way.server;
    try {
      const submitted = await submitMessage({
        ...way,
        from: options.from,
        to: options.to,
        subject: options.subject ?? 'A test by mailbearer',
        text: `This message was sent by "mailbearer test-send" through ${host}:${port}.\n`,
        dialogue: (line) => ui.say(line),
        signal,
      });
      return await report(submitted, options, ui);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SubmissionError)) throw error;
      const { code, message } = error;
      ui.fail(`not sent: ${message}`, adviceForRefusal(message, account) ?? hintFor(code, options.direct));
      if (options.json === true)
        await ui.data(JSON.stringify({ ok: false, reply: message, code: code ?? null }, undefined, 2));
      if (code === undefined) return exitStatus.unavailable;
      return code < 500 ? exitStatus.tempFail : exitStatus.failed;
    }
  });
}

function throughRelay({ config }: Context): Way {
  const { listen = [plainListener({ host: '127.0.0.1', port: 2525 })] } = config.relay;
  const open = listen.find(({ auth, tls }) => tls !== 'implicit' && auth?.required !== true);
  if (open === undefined)
    throw new AppError('usage', 'each port of relay.listen demands TLS or AUTH', {
      hint: 'send with --direct, or add "127.0.0.1:2525" to relay.listen',
    });
  return { server: { ...nearAddress(open), tls: 'none' } };
}

/** Throws AppError: no such account, no token, no server. */
async function direct(from: string, context: Context, ui: Ui, signal: AbortSignal): Promise<Way> {
  const found = requireUsable(await findAccount(from, context, ui, { makesFiles: true }));
  const { account } = found;
  if (!canSubmit(account)) throw account.submission;
  const token = await freshToken(found, context, ui, signal);
  const { ca } = await readTrustedRoots(account.client);
  const { mechanism, smtp: server, user } = account.submission;
  const credentials = { user, token, host: server.host, port: server.port };
  return { account, server, login: { credentials, mechanism }, ...(ca && { ca: [...ca] }) };
}

async function report(
  { accepted, refused, reply }: Submitted,
  { json }: TestSendOptions,
  ui: Ui,
): Promise<number> {
  if (json === true)
    await ui.data(JSON.stringify({ ok: refused.length === 0, accepted, refused, reply }, undefined, 2));
  else {
    await ui.data(`sent to ${accepted.join(', ')}: ${reply ?? ''}`);
    // nodemailer counts it as success when one of several recipients is refused; who was left out must be said.
    for (const { recipient, reply: said } of refused) ui.fail(`${recipient} was refused: ${said}`);
  }
  return refused.length === 0 ? exitStatus.ok : exitStatus.failed;
}

function hintFor(code: number | undefined, direct: boolean | undefined): string {
  if (code !== undefined) return 'the words are the server’s: see docs/errors.md#what-smtp-servers-say';
  return direct === true ? 'mailbearer doctor looks at each step' : 'does serve run? mailbearer doctor';
}
