/**
 * What is to be said of the ports of `relay.listen` beyond their settings: whether certificate and key are there and
 * fit together, until when the certificate holds, and whether the accounts that a port names exist. For test-config
 * and doctor.
 */
import type { AnyAccount } from '../accounts/account.js';
import type { Config } from '../config/config.js';
import { orDidYouMean } from '../config/nearest.js';
import { isLoopbackHost } from '../config/values.js';
import { type AppError, toAppError } from '../core/errors.js';
import { loadCertificate } from '../relay/server-certificate.js';

const dayMs = 86_400_000;
/** Those who renew do it a month before the end. */
const soonDays = 14;

type Remark = Pick<AppError, 'message' | 'hint'>;

export interface ListenerFindings {
  readonly errors: readonly AppError[];
  readonly warnings: readonly Remark[];
  /** What is as it should be, a sentence each. */
  readonly good: readonly string[];
}

export async function examineListeners(
  { relay }: Config,
  accounts: readonly AnyAccount[],
  now: number,
): Promise<ListenerFindings> {
  const errors: AppError[] = [];
  const warnings: Remark[] = [];
  const good: string[] = [];
  const known = accounts.map(({ name }) => name);
  for (const listener of relay.listen ?? []) {
    const where = `${listener.host}:${listener.port}`;
    if (listener.insecure && !isLoopbackHost(listener.host))
      warnings.push({
        message: `all who reach ${where} may send as every account there: relay.listen says "insecure"`,
        hint: 'give it "tls" and "auth", or at least "clients" and "accounts"',
      });
    for (const name of listener.accounts ?? [])
      if (!known.some((one) => one.toLowerCase() === name.toLowerCase()))
        warnings.push({
          message: `${where} may use the account ${name}, and there is none${orDidYouMean(name, known)}`,
          hint: known.length === 0 ? 'add its token file to token_dir' : `known: ${known.join(', ')}`,
        });
    if (listener.certificate === undefined) continue;
    try {
      const { expiresAt } = await loadCertificate(listener.certificate);
      const days = Math.floor((expiresAt - now) / dayMs);
      const date = new Date(expiresAt).toISOString().slice(0, 10);
      const { certificateFile } = listener.certificate;
      if (days >= soonDays) good.push(`the certificate of ${where} holds until ${date}`);
      else
        warnings.push({
          message: `the certificate of ${where}, ${certificateFile}, ${days < 0 ? 'has expired' : `expires on ${date}`}`,
          hint: 'renew it; serve reads it again by itself',
        });
    } catch (error) {
      errors.push(toAppError(error));
    }
  }
  return { errors, warnings, good };
}
