/**
 * `test-config`: whether the configuration can be read, and whether every account that it and the token
 * directories name has all its settings and senders of its own. A token file that is missing or damaged is a
 * warning: its account needs a sign-in, not another configuration; so is a secret that strangers may read.
 * Certificates and keys are opened. Asks no server.
 */
import { type AnyAccount, canSubmit, isBroken, problemOf } from '../../accounts/account.js';
import { buildRoutes, describeConflict, describeMissingDefault } from '../../accounts/routing.js';
import { defaultTokenDirectories } from '../../config/paths.js';
import { AppError, toAppError } from '../../core/errors.js';
import { examineFiles } from '../../oauth/grant.js';
import { type Found, takeCensus } from '../../refresh/census.js';
import { lacksRefreshToken, noRefreshToken } from '../../refresh/failure.js';
import { findExposures, secretFiles } from '../../tokens/exposure.js';
import type { StoredToken } from '../../tokens/token.js';
import { accountOf, type Context, openContext } from '../context.js';
import { examineListeners } from '../listener-findings.js';
import type { Ui } from '../ui.js';
import { describe, type Facts, failed, passed } from '../verdict.js';

export interface TestConfigOptions {
  readonly configFile?: string;
  readonly json?: boolean;
}

/** Resolves to 0 or 1; throws only what is a fault of ours. */
export async function runTestConfig(options: TestConfigOptions, ui: Ui): Promise<number> {
  const style = { json: options.json ?? false };
  let context: Context;
  try {
    context = await openContext(options.configFile);
  } catch (error) {
    return failed(ui, style, 'Config check failed.', [error]);
  }
  let findings: Findings;
  try {
    findings = await examine(context);
  } catch (error) {
    if (error instanceof AppError) return failed(ui, style, 'Config check failed.', [error]);
    throw error;
  }
  const { accounts, errors, warnings } = findings;
  for (const { message, hint } of warnings) {
    ui.warn(message);
    if (hint !== undefined) ui.hint(hint);
  }
  const facts: Facts = {
    config_file: context.config.source ?? null,
    accounts,
    warnings: warnings.map(({ message }) => message),
  };
  return errors.length > 0
    ? failed(ui, style, 'Config check failed.', errors, facts)
    : passed(ui, style, 'Config check passed.', facts);
}

interface Findings {
  readonly accounts: readonly Facts[];
  readonly errors: readonly AppError[];
  readonly warnings: readonly Pick<AppError, 'message' | 'hint'>[];
}

async function examine(context: Context): Promise<Findings> {
  const { config, logins, warnings: unknown, ...means } = context;
  const warnings: Findings['warnings'][number][] = unknown.map((message) => ({ message, hint: undefined }));
  const errors: AppError[] = [];
  const tokenDirectories = config.tokenDirs ?? defaultTokenDirectories;
  const database = await context.database();
  const census = await takeCensus(
    { ...means, config, database, tokenDirectories, saslPasswd: logins },
    (problem) => void warnings.push(problem),
  );
  const accounts: Facts[] = [];
  const all = census.found.map((found) => asServeSees(found, context));
  for (const found of all) {
    const unusable = await unusableFile(found, means.clock.now());
    if (unusable !== undefined) errors.push(unusable);
    const problem = troubleOf(found);
    if (problem !== undefined) (isOfConfiguration(found, problem) ? errors : warnings).push(problem);
    accounts.push(accountFacts(found, unusable ?? problem));
  }
  const files = secretFiles(
    config,
    census.found.map(({ path }) => path),
  );
  for (const { message, remedy } of await findExposures(files)) warnings.push({ message, hint: remedy });
  const known = all.map(({ account }) => account);
  const ports = await examineListeners(config, known, means.clock.now());
  errors.push(...ports.errors);
  warnings.push(...ports.warnings);
  const { conflicts, missingDefault } = buildRoutes(known, config.defaultAccount);
  errors.push(...conflicts.map(describeConflict));
  if (missingDefault !== undefined) errors.push(describeMissingDefault(missingDefault, known));
  if (known.length === 0)
    warnings.push({
      message: `there is no ${database === undefined ? 'token file' : 'account'} in ${database?.name ?? tokenDirectories.join(' or ')}`,
      hint: `mailbearer get-token PROVIDER ${database === undefined ? `${tokenDirectories[0]}/` : ''}ADDRESS`,
    });
  return { accounts, errors, warnings };
}

interface Seen {
  readonly account: AnyAccount;
  readonly stored: StoredToken | undefined;
}

/** It makes the token file that is missing where nobody has to sign in; here nothing is written. */
function asServeSees(found: Found, context: Context): Seen {
  if ('stored' in found) return found;
  if (found.account.problem.code === 'token-missing') {
    const account = accountOf(context, found.path, {});
    if (!isBroken(account) && account.grant.kind !== 'refresh-token') return { account, stored: undefined };
  }
  return { account: found.account, stored: undefined };
}

/** Of an account that signs in by a certificate or a service account's key. */
async function unusableFile({ account }: Seen, now: number): Promise<AppError | undefined> {
  if (isBroken(account)) return undefined;
  try {
    await examineFiles(account.grant, now);
    return undefined;
  } catch (error) {
    const { code, hint, message } = toAppError(error);
    return new AppError(code, `account ${account.name}: ${message}`, { hint });
  }
}

function troubleOf({ account, stored }: Seen): AppError | undefined {
  const problem = problemOf(account);
  if (problem !== undefined || isBroken(account) || stored === undefined) return problem;
  return lacksRefreshToken(account, stored) ? noRefreshToken(account) : undefined;
}

/** An account without a login name or a server is none: its token may be kept fresh for another program. */
function isOfConfiguration({ account }: Seen, { code }: AppError): boolean {
  if (!isBroken(account)) return false;
  return code === 'account-incomplete' || code === 'config-invalid' || code === 'internal';
}

function accountFacts({ account }: Seen, problem: AppError | undefined): Facts {
  const { name, senders, tokenFile } = account;
  return {
    name,
    token_file: tokenFile,
    senders,
    ...(isBroken(account) ? {} : { provider: account.provider.name }),
    ...(!isBroken(account) && canSubmit(account) ? account.submission : {}),
    ...(problem === undefined ? {} : { problem: describe(problem) }),
  };
}
