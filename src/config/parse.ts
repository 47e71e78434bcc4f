/**
 * JSON to Config: names in camel case, the rules that span several entries, and messages that begin with the
 * path of what they speak of. Reads no file; load.ts does.
 */
import { AppError } from '../core/errors.js';
import type { LogLevel } from '../core/logger.js';
import { type Pace, presets } from '../providers/index.js';
import type { AccountSettings, ClientSettings, Config, GrantSettings, ProviderSettings } from './config.js';
import type { RelayLimits } from './limits.js';
import { orDidYouMean } from './nearest.js';
import { postgresSettings } from './postgres.js';
import { checkShape, type Path, type RawAccount, type RawConfig, type RawProvider } from './schema.js';
import { isAddress } from './values.js';

export interface Loaded {
  readonly config: Config;
  /** One sentence each, for the log or the terminal: unknown keys. */
  readonly warnings: readonly string[];
}

/**
 * `json` is the parsed content of `source`; without a source, `{}` gives the defaults. Throws AppError
 * config-invalid that names each problem by its path.
 */
export function parseConfig(json: unknown, source: string | undefined): Loaded {
  const { value, problems, unknown } = checkShape(json);
  if (value === undefined) throw invalid(source, problems);
  const postgres = postgresSettings(value.token_store, value.postgres);
  const spanning = [...unknownProviders(value), ...sharedSenders(value), ...problemsOf(postgres)];
  if (spanning.length > 0) throw invalid(source, spanning);
  const warnings = unknown.map(({ path, key, known }) => {
    const complaint = `${formatPath([...path, key])}: unknown key, ignored${orDidYouMean(key, known)}`;
    return prefixed(source, complaint);
  });
  const config = toConfig(value, source);
  return { config: 'value' in postgres ? { ...config, postgres: postgres.value } : config, warnings };
}

function problemsOf(postgres: ReturnType<typeof postgresSettings>): Problem[] {
  return 'value' in postgres ? [] : [{ path: ['postgres', postgres.key], problem: postgres.problem }];
}

type Problem = { readonly path: Path; readonly problem: string };

function unknownProviders(raw: RawConfig): Problem[] {
  const known = [...new Set([...presets.keys(), ...Object.keys(raw.providers)])];
  return Object.entries(raw.accounts).flatMap(([name, { provider }]) => {
    if (provider === undefined || known.includes(provider)) return [];
    const problem = `no provider is called "${provider}"; known are ${known.join(', ')}${orDidYouMean(provider, known)}`;
    return [{ path: ['accounts', name, 'provider'], problem }];
  });
}

/** A sender belongs to one account; an account's key and login name are senders of it too. */
function sharedSenders(raw: RawConfig): Problem[] {
  const owners = new Map<string, string>();
  const problems: Problem[] = [];
  for (const [name, account] of Object.entries(raw.accounts)) {
    const own = [name, account.user ?? ''].filter(isAddress).map((address) => address.toLowerCase());
    for (const sender of new Set([...own, ...(account.senders ?? [])])) {
      const owner = owners.get(sender);
      if (owner === undefined) owners.set(sender, name);
      else {
        const problem = `"${sender}" is a sender of ${formatPath(['accounts', owner])} too; only one can have it`;
        problems.push({ path: ['accounts', name, 'senders'], problem });
      }
    }
  }
  return problems;
}

function toConfig(raw: RawConfig, source: string | undefined): Config {
  return {
    ...clientSettings(raw),
    source,
    secretFiles: [],
    tokenDirs: raw.token_dir,
    tokenStore: typeof raw.token_store === 'string' ? raw.token_store : undefined,
    share: raw.share,
    stateDir: raw.state_dir,
    onEvent: raw.on_event,
    logLevel: logLevel(raw),
    providers: new Map(Object.entries(raw.providers).map(([name, entry]) => [name, providerSettings(entry)])),
    accounts: new Map(Object.entries(raw.accounts).map(([name, entry]) => [name, accountSettings(entry)])),
    defaultAccount: raw.default_account || undefined,
    relay: {
      listen: raw.relay.listen,
      unknownSender: raw.relay.unknown_sender,
      bareNewlines: raw.relay.bare_newlines,
      limits: relayLimits(raw.relay.limits),
    },
    status: raw.status.listen && {
      listen: raw.status.listen,
      keyFile: raw.status.key_file,
      nameAccounts: raw.status.name_accounts,
    },
    socketmap: raw.socketmap.listen && { listen: raw.socketmap.listen, group: raw.socketmap.group },
  };
}

function relayLimits(raw: RawConfig['relay']['limits']): RelayLimits {
  return {
    connections: raw.connections,
    connectionsPerAddress: raw.connections_per_address,
    messagesPerSession: raw.messages_per_session,
    recipientsPerMessage: raw.recipients_per_message,
    messageOctets: raw.message_size ?? Infinity,
    errorsPerSession: raw.errors_per_session,
    greetingSeconds: raw.greeting_timeout,
    commandSeconds: raw.command_timeout,
    dataSeconds: raw.data_timeout,
    transactionSeconds: raw.transaction_timeout,
  };
}

function clientSettings(raw: RawConfig | RawProvider | RawAccount): ClientSettings {
  return {
    clientId: raw.client_id,
    clientSecret: raw.client_secret,
    secretExpiresAt: raw.secret_expires,
    tokenEndpoint: raw.token_endpoint,
    refreshWindowSeconds: raw.refresh_window,
    proxy: raw.proxy,
    caBundleFile: raw.ca_bundle_file,
    caCertsDir: raw.ca_certs_dir,
  };
}

function providerSettings(raw: RawProvider | RawAccount): ProviderSettings {
  return {
    ...clientSettings(raw),
    issuer: raw.issuer,
    authorizationEndpoint: raw.authorization_endpoint,
    deviceAuthorizationEndpoint: raw.device_authorization_endpoint,
    revocationEndpoint: raw.revocation_endpoint,
    scope: raw.scope,
    smtp: raw.smtp,
    mechanism: raw.mechanism,
    pace: paceOf(raw),
    grant: grantSettings(raw),
    tokenStore: raw.token_store,
  };
}

function grantSettings(raw: RawProvider | RawAccount): GrantSettings {
  return {
    grant: raw.grant,
    certificateFile: raw.certificate_file,
    keyFile: raw.key_file,
    keyPassphrase: raw.key_passphrase,
    serviceAccountFile: raw.service_account_file,
    tokenCommand: raw.token_command,
  };
}

function accountSettings(raw: RawAccount): AccountSettings {
  return {
    ...providerSettings(raw),
    provider: raw.provider,
    user: raw.user,
    debug: raw.debug || undefined,
    senders: raw.senders ?? [],
    tokenFile: raw.token_file,
  };
}

/** sasl-xoauth2's switches say when it speaks and how much; here that is a level. */
function logLevel(raw: RawConfig): LogLevel {
  if (raw.log_level !== undefined) return raw.log_level;
  if (raw.always_log_to_syslog || raw.log_full_trace_on_failure) return 'debug';
  return raw.log_to_syslog_on_failure ? 'info' : 'error';
}

function invalid(source: string | undefined, problems: readonly Problem[]): AppError {
  const lines = problems.map(({ path, problem }) =>
    path.length > 0 ? `${formatPath(path)}: ${problem}` : problem,
  );
  const hint =
    source === undefined ? undefined : `correct it, then run: mailbearer test-config --config-file ${source}`;
  return new AppError('config-invalid', prefixed(source, lines.join('; ')), { hint });
}

/** `accounts.a@b.senders[1]`: as one would say it, with no quoting. */
function formatPath(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '');
}

function prefixed(source: string | undefined, message: string): string {
  return source === undefined ? message : `${source}: ${message}`;
}

/** Only what is set. */
function paceOf(raw: RawProvider): Partial<Pace> {
  return {
    ...(raw.max_sessions !== undefined && { sessions: raw.max_sessions }),
    ...(raw.messages_per_minute !== undefined && { messagesPerMinute: raw.messages_per_minute }),
    ...(raw.logins_per_minute !== undefined && { loginsPerMinute: raw.logins_per_minute }),
  };
}
