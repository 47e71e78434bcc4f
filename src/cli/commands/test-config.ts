/**
 * `test-config`: whether the configuration can be read, and whether every account that it and the token
 * directories name has all its settings and senders of its own. A token file that is missing or damaged is a
 * warning: its account needs a sign-in, not another configuration; so is a secret that strangers may read. Asks no
 * server.
 */
import { canSubmit, isBroken, problemOf } from '../../accounts/account.js';
import { buildRoutes, describeConflict, describeMissingDefault } from '../../accounts/routing.js';
import { defaultTokenDirectories } from '../../config/paths.js';
import type { AppError } from '../../core/errors.js';
import { type Found, takeCensus } from '../../refresh/census.js';
import { lacksRefreshToken, noRefreshToken } from '../../refresh/failure.js';
import { findExposures, secretFiles } from '../../tokens/exposure.js';
import { type Context, openContext } from '../context.js';
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
  const { accounts, errors, warnings } = await examine(context);
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

async function examine({ config, logins, warnings: unknown, ...means }: Context): Promise<Findings> {
  const warnings: Findings['warnings'][number][] = unknown.map((message) => ({ message, hint: undefined }));
  const errors: AppError[] = [];
  const tokenDirectories = config.tokenDirs ?? defaultTokenDirectories;
  const census = await takeCensus(
    { ...means, config, tokenDirectories, saslPasswd: logins },
    // Of the default directories, one or both may be missing.
    (problem) => config.tokenDirs !== undefined && warnings.push(problem),
  );
  for (const found of census.found) {
    const problem = troubleOf(found);
    if (problem !== undefined) (isOfConfiguration(found, problem) ? errors : warnings).push(problem);
  }
  const files = secretFiles(
    config,
    census.found.map(({ path }) => path),
  );
  for (const { message, remedy } of await findExposures(files)) warnings.push({ message, hint: remedy });
  const known = census.found.map(({ account }) => account);
  const { conflicts, missingDefault } = buildRoutes(known, config.defaultAccount);
  errors.push(...conflicts.map(describeConflict));
  if (missingDefault !== undefined) errors.push(describeMissingDefault(missingDefault, known));
  if (known.length === 0)
    warnings.push({
      message: `there is no token file in ${tokenDirectories.join(' or ')}`,
      hint: `mailbearer get-token PROVIDER ${tokenDirectories[0]}/ADDRESS`,
    });
  return { accounts: census.found.map(accountFacts), errors, warnings };
}

function troubleOf(found: Found): AppError | undefined {
  const lacksToken = 'stored' in found && lacksRefreshToken(found.account, found.stored);
  return problemOf(found.account) ?? (lacksToken ? noRefreshToken(found.account) : undefined);
}

/** An account without a login name or a server is none: its token may be kept fresh for another program. */
function isOfConfiguration(found: Found, { code }: AppError): boolean {
  if ('stored' in found) return false;
  return code === 'account-incomplete' || code === 'config-invalid' || code === 'internal';
}

function accountFacts(found: Found): Facts {
  const { account } = found;
  const { name, senders, tokenFile } = account;
  const problem = troubleOf(found);
  return {
    name,
    token_file: tokenFile,
    senders,
    ...(isBroken(account) ? {} : { provider: account.provider.name }),
    ...(!isBroken(account) && canSubmit(account) ? account.submission : {}),
    ...(problem === undefined ? {} : { problem: describe(problem) }),
  };
}
