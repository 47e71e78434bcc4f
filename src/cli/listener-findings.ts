/**
 * What is to be said of the ports of `relay.listen` beyond their settings: whether certificate and key are there and
 * fit together, until when the certificate holds, whether the accounts that a port names exist, and whether anybody can
 * sign in. For test-config and doctor.
 */
import type { AnyAccount } from '../accounts/account.js';
import type { Config } from '../config/config.js';
import { orDidYouMean } from '../config/nearest.js';
import type { ListenerSettings } from '../config/listener.js';
import { isLoopbackHost } from '../config/values.js';
import { type AppError, toAppError } from '../core/errors.js';
import { readPasswords } from './passwords-store.js';
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
    await examineAuth(listener, where, { errors, warnings, good });
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

async function examineAuth(
  { auth }: ListenerSettings,
  where: string,
  { errors, good, warnings }: { errors: AppError[]; warnings: Remark[]; good: string[] },
): Promise<void> {
  if (auth === undefined) return;
  const { oauth2, passwordsFile, upstreamToken } = auth;
  if (passwordsFile === undefined) {
    if (oauth2 === undefined && upstreamToken === 'stored')
      warnings.push({
        message: `nobody can sign in at ${where}: its "auth" names neither passwords_file nor oauth2`,
        hint: 'name one of them, or leave "auth" out',
      });
    return;
  }
  try {
    const { length } = await readPasswords(passwordsFile);
    good.push(`${passwordsFile} holds ${length} password${length === 1 ? '' : 's'} for ${where}`);
  } catch (error) {
    errors.push(toAppError(error));
  }
}
