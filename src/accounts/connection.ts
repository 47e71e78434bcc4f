/**
 * What an account needs to get tokens and to submit mail: its provider, its OAuth client and its SMTP server,
 * each field taken from the most specific place that sets it. Pure. Throws AppError account-incomplete, naming
 * the key to add or to correct, when a part is missing or wrong.
 */
import type { AccountSettings, Config, TokenStoreName } from '../config/config.js';
import { perConfig } from '../config/per-config.js';
import { isLoopbackHost, isPlaceholder, parseEndpoint, parseProxy } from '../config/values.js';
import { AppError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import { oidc, type Provider, saslXoauth2Endpoint, type SmtpHost } from '../providers/index.js';
import type { Account, Grant, OAuthClient, TokenFileOverrides } from './account.js';
import { inheritGrant, resolveGrant } from './grant.js';
import {
  applySettings,
  clientSettingsOf,
  inherit,
  isSameService,
  ofSameClient,
  providerAt,
  resolveProvider,
  tokenStoreOf,
} from './provider-of.js';

/** All that is known of an account; the overrides are its token file's, the settings its entry's. */
export interface Known {
  readonly config: Config;
  readonly name: string;
  readonly tokenFile: string;
  readonly overrides: TokenFileOverrides;
  readonly settings: AccountSettings | undefined;
  readonly user: string | undefined;
}

export function resolveConnection(known: Known): Omit<Account, 'name' | 'tokenFile' | 'senders' | 'user'> {
  const { config, overrides, settings } = known;
  const { provider: chosen, endpoint, configured, issuer } = chooseProvider(known);
  const provider = applySettings(chosen, settings);
  const general = clientSettingsOf(config, chosen.name);
  // sasl-xoauth2 knows of no bond between a file's client_id and the configuration's secret, so there is none.
  const merged = inherit(overrides, inherit(settings, ofSameClient(settings, general)));
  const entry = config.providers.get(chosen.name);
  const wanted = tokenStoreOf(config, chosen.name, settings);
  const grant = resolveGrant(
    inheritGrant(settings?.grant, entry?.grant),
    {
      provider,
      tokenEndpoint: endpoint,
      endpointConfigured: configured,
      user: known.user,
      hasSecret: merged.clientSecret?.isEmpty === false || wanted === 'keyring',
      scope: settings?.scope ?? entry?.scope,
    },
    (key, what, remedy) => incomplete(known, key, what, `${remedy}, in ${entryPlace(known)}`),
  );
  const client = oneForAll(known, {
    clientId: needsClient(grant) ? requireClientId(known, merged.clientId) : (merged.clientId ?? ''),
    clientSecret: merged.clientSecret ?? noSecret,
    secretExpiresAt: merged.secretExpiresAt,
    tokenEndpoint: endpoint,
    issuer,
    refreshScope: provider.refreshScope,
    proxy: readProxy(known, merged.proxy),
    caBundleFile: merged.caBundleFile || undefined,
    caCertsDir: merged.caCertsDir || undefined,
  });
  if (client.caBundleFile !== undefined && client.caCertsDir !== undefined) {
    const hint = `keep only one of the two in ${known.tokenFile}`;
    throw incomplete(known, 'ca_certs_dir', 'has both ca_bundle_file and ca_certs_dir', hint);
  }
  const refreshWindowSeconds =
    merged.refreshWindowSeconds === undefined
      ? provider.refreshWindowSeconds
      : Math.max(merged.refreshWindowSeconds, provider.minimumRefreshWindowSeconds);
  return {
    provider,
    client,
    grant,
    tokenStore: config.postgres === undefined ? storeOf(grant, wanted, known, client) : 'postgres',
    submission: findSubmission(known, provider, endpoint),
    refreshWindowSeconds,
  };
}

const noSecret = new Secret('');
const generalClients = new WeakMap<Config, OAuthClient>();

/** Where neither an entry nor the token file says anything of the client, it is the same for all such accounts. */
function oneForAll({ config, overrides, settings }: Known, client: OAuthClient): OAuthClient {
  const saysNothing = Object.entries(overrides).every(
    ([key, value]) => key === 'user' || value === undefined,
  );
  if (settings !== undefined || !saysNothing) return client;
  const general = generalClients.get(config) ?? client;
  generalClients.set(config, general);
  return general;
}

/**
 * By name, else by the token endpoint. The top level's endpoint serves a provider chosen by name only when it
 * belongs to that service (another tenant, say): one written for Gmail has no token for Outlook.
 */
function chooseProvider(known: Known): {
  provider: Provider;
  endpoint: URL;
  /** Whether anything but the preset names the endpoint; an issuer does not. */
  configured: boolean;
  issuer?: URL;
} {
  const { config, overrides, settings } = known;
  const own = readEndpoint(known, overrides.tokenEndpoint ?? settings?.tokenEndpoint);
  const general = readEndpoint(known, config.tokenEndpoint);
  const entryEndpoint = ({ name }: Provider) =>
    readEndpoint(known, config.providers.get(name)?.tokenEndpoint);
  const named = settings?.provider ?? (settings?.issuer === undefined ? undefined : oidc.name);
  if (named === undefined) {
    const found = own ?? general ?? saslXoauth2Default;
    const provider = providerAt(config, found);
    const configured = own ?? entryEndpoint(provider) ?? general;
    return { provider, endpoint: configured ?? found, configured: configured !== undefined };
  }
  const provider = resolveProvider(config, named);
  const issuer = readEndpoint(known, settings?.issuer ?? provider.issuer);
  const usual = readEndpoint(known, provider.tokenEndpoint);
  const fits =
    general && issuer === undefined && (usual === undefined || isSameService(provider, usual, general));
  const configured = own ?? entryEndpoint(provider) ?? (fits ? general : undefined);
  const endpoint = configured ?? usual;
  if (endpoint !== undefined) return { provider, endpoint, configured: configured !== undefined };
  if (issuer !== undefined) return { provider, endpoint: issuer, configured: false, issuer };
  const hint = `add "token_endpoint" to provider "${provider.name}" in ${configFile(config)}`;
  throw incomplete(known, 'token_endpoint', 'has no token endpoint', hint);
}

const saslXoauth2Default = new URL(saslXoauth2Endpoint);
const endpointOf = perConfig((_config, text) => parseEndpoint(text));

/** The configuration's endpoints have been checked; a bad one is the token file's. */
function readEndpoint(known: Known, text: string | undefined): URL | undefined {
  if (text === undefined) return undefined;
  const result = endpointOf(known.config, text);
  if ('value' in result) return result.value;
  const hint = `correct "token_endpoint" in ${known.tokenFile}, or remove it there to use the configuration's`;
  throw incomplete(known, 'token_endpoint', `has a wrong token_endpoint: ${result.problem}`, hint);
}

function readProxy(known: Known, text: string | undefined): URL | undefined {
  if (!text) return undefined;
  const result = parseProxy(text);
  if ('value' in result) return result.value;
  const hint = `correct "proxy" in ${known.tokenFile}, or set it to "" for none`;
  throw incomplete(known, 'proxy', `has a wrong proxy: ${result.problem}`, hint);
}

/** A service account's key, or another program, stands for the client. */
function needsClient({ kind }: Grant): boolean {
  return kind === 'refresh-token' || kind === 'client-credentials';
}

function requireClientId(known: Known, clientId: string | undefined): string {
  if (clientId && !isPlaceholder(clientId)) return clientId;
  const what = clientId ? 'has a placeholder as its client_id' : 'has no client_id';
  throw incomplete(known, 'client_id', what, `add the client id as "client_id" to ${places(known)}`);
}

/** Only where there is something to keep: of an application, the secret, unless the configuration has it. */
function storeOf(
  grant: Grant,
  wanted: TokenStoreName,
  { overrides }: Known,
  { clientSecret }: OAuthClient,
): TokenStoreName {
  if (grant.kind === 'refresh-token') return wanted;
  const keepsSecret = grant.kind === 'client-credentials' && grant.certificate === undefined;
  const isConfigured = overrides.clientSecret === undefined && !clientSecret.isEmpty;
  return keepsSecret && !isConfigured ? wanted : 'file';
}

/** What is missing is no error yet: a token for another program is kept fresh all the same. */
function findSubmission(known: Known, provider: Provider, endpoint: URL): Account['submission'] {
  const { user } = known;
  if (user === undefined)
    return incomplete(known, 'user', 'has no login name', `add "user" to ${places(known)}`);
  const smtp = findSmtp(known, provider, endpoint);
  return smtp instanceof AppError ? smtp : { user, smtp, mechanism: provider.mechanism };
}

function findSmtp(known: Known, { smtp }: Provider, endpoint: URL): SmtpHost | AppError {
  if (smtp === undefined) {
    const what = `has no SMTP server, and none is known for ${endpoint.origin}`;
    const hint = `add "smtp": { "host": "…" } or "provider": "…" to ${entryPlace(known)}`;
    return incomplete(known, 'smtp', what, hint);
  }
  if (smtp.tls !== 'none' || isLoopbackHost(smtp.host)) return smtp;
  const what = `would send tokens to ${smtp.host} in clear`;
  return incomplete(known, 'smtp', what, `set "smtp": { "tls": "starttls" } in ${entryPlace(known)}`);
}

function incomplete({ name, tokenFile }: Known, key: string, what: string, hint: string): AppError {
  const message = `account ${name} (${tokenFile}) ${what}`;
  return new AppError('account-incomplete', message, { hint, publicDetail: key });
}

function places(known: Known): string {
  return `${known.tokenFile}, or to ${entryPlace(known)}`;
}

function entryPlace({ config, name }: Known): string {
  return `"accounts": { "${name}": { … } } in ${configFile(config)}`;
}

function configFile(config: Config): string {
  return config.source ?? '/etc/mailbearer/config.json';
}
