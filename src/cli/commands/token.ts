/**
 * `token`: an access token with life enough left, refreshed first when it must be, on standard output and nothing
 * else there. For programs that ask another one for their password. quick-token.ts answers for most of its calls.
 */
import { canSubmit } from '../../accounts/account.js';
import { exitStatus } from '../../core/errors.js';
import type { Secret } from '../../core/secret.js';
import type { MechanismName } from '../../providers/provider.js';
import { mechanisms } from '../../protocol/sasl/choose.js';
import { openContext } from '../context.js';
import { findAccount, requireUsable, type Usable } from '../find-account.js';
import { freshToken } from '../fresh-token.js';
import { untilInterrupted } from '../interrupt.js';
import type { Ui } from '../ui.js';

export interface TokenOptions {
  readonly configFile?: string;
  readonly account: string;
  /** Print the initial response of this mechanism instead. */
  readonly sasl?: MechanismName;
}

/** Resolves to the exit status; throws AppError, or Interrupted. */
export function runToken(options: TokenOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    const context = await openContext(options.configFile);
    const found = requireUsable(await findAccount(options.account, context, ui, { makesFiles: true }));
    const token = await freshToken(found, context, ui, signal);
    await ui.data(options.sasl === undefined ? token.reveal() : response(options.sasl, found, token));
    return exitStatus.ok;
  });
}

function response(name: MechanismName, { account }: Usable, token: Secret): string {
  if (!canSubmit(account)) throw account.submission;
  const { user, smtp } = account.submission;
  return mechanisms[name].response({ user, token, host: smtp.host, port: smtp.port });
}
