/**
 * From a token file and the configuration to an account: which entry of `accounts` is its own, what it is
 * called, whose mail it submits. Pure: what is on disk is handed in. Promises never to throw for a bad account:
 * one that cannot be used comes back as a BrokenAccount that says why and still owns its senders.
 */
import { basename } from 'node:path';
import type { AccountSettings, Config } from '../config/config.js';
import { isAddress } from '../config/values.js';
import { AppError } from '../core/errors.js';
import type { SmtpHost } from '../providers/provider.js';
import type { AnyAccount, TokenFileOverrides } from './account.js';
import { resolveConnection } from './connection.js';
import { applySettings, resolveProvider } from './provider-of.js';
import { findSettings } from './settings-entry.js';

export interface AccountSource {
  /** Absolute path, as configured or as found in a token directory. */
  readonly tokenFile: string;
  /** What the file says beside its tokens; absent when it could not be read. */
  readonly overrides?: TokenFileOverrides | undefined;
  /** Why the file could not be read: makes the account a broken one. */
  readonly problem?: AppError | undefined;
  /** The login name that Postfix's sasl_passwd gives for this file. */
  readonly saslPasswdUser?: string | undefined;
}

/** The order of precedence, field by field, is account.ts's. */
export function resolveAccount(config: Config, source: AccountSource): AnyAccount {
  const { tokenFile, overrides = {}, problem } = source;
  const [key, settings] = findSettings(config, source) ?? [];
  const file = basename(tokenFile);
  const user = loginName(source, file, key, settings);
  const name = key ?? user ?? file;
  const own = [name, user ?? ''].filter(isAddress).map((address) => address.toLowerCase());
  const senders = [...new Set([...own, ...(settings?.senders ?? [])])];
  try {
    if (problem !== undefined) throw withProvider(problem, settings?.provider);
    const connection = resolveConnection({ config, name, tokenFile, overrides, settings, user });
    const { client, grant, provider, refreshWindowSeconds, submission, tokenStore } = connection;
    // Written out: of what is spread each has a shape of its own, which takes as much memory again.
    return {
      name,
      tokenFile,
      user,
      senders,
      debug: settings?.debug,
      provider,
      client,
      grant,
      tokenStore,
      submission,
      refreshWindowSeconds,
    };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { name, tokenFile, senders, smtp: configuredServer(config, settings), problem: error };
  }
}

/** Where the configuration alone says it; else it is the token file that does. */
function configuredServer(config: Config, settings?: AccountSettings): SmtpHost | undefined {
  if (settings?.provider === undefined) return undefined;
  return applySettings(resolveProvider(config, settings.provider), settings).smtp;
}

/** A hint that says what to run knows the provider, where the configuration names one. */
function withProvider(problem: AppError, provider: string | undefined): AppError {
  const { cause, code, hint, message, publicDetail } = problem;
  if (provider === undefined || hint?.includes(' PROVIDER ') !== true) return problem;
  return new AppError(code, message, {
    hint: hint.replace(' PROVIDER ', ` ${provider} `),
    publicDetail,
    cause,
  });
}

function loginName(
  source: AccountSource,
  file: string,
  key?: string,
  settings?: AccountSettings,
): string | undefined {
  const named = source.overrides?.user || settings?.user;
  const address = [key, file].find((word) => word !== undefined && isAddress(word));
  return named || address || source.saslPasswdUser;
}
