/**
 * What a sign-in needs to know before anyone is asked anything: provider, endpoints and OAuth client, from the
 * flags, the file that is to be replaced, and the configuration, in this order. Client ID and secret may be
 * missing here; a person can still be asked for them.
 */
import type { OAuthClient, TokenFileOverrides } from '../accounts/account.js';
import {
  applySettings,
  clientSettingsOf,
  inherit,
  isSameService,
  resolveProvider,
  tokenStoreOf,
} from '../accounts/provider-of.js';
import { findSettings } from '../accounts/settings-entry.js';
import type { ClientSettings, Config, TokenStoreName } from '../config/config.js';
import { parseEndpoint, parseProxy } from '../config/values.js';
import { AppError } from '../core/errors.js';
import { withDiscovered } from '../oauth/consent.js';
import type { Metadata } from '../oauth/discovery.js';
import { type Cloud, microsoftSignIn, oidc, presets, type Provider } from '../providers/index.js';

export interface SignInQuestion {
  /** As typed: a preset or an entry of `providers`. */
  readonly provider: string;
  /** Microsoft's; undefined keeps the one in use, else the preset's. */
  readonly tenant?: string | undefined;
  /** Microsoft's, by the words of --cloud. */
  readonly cloud?: Cloud | undefined;
  /** Of Microsoft's sign-in service, in place of the cloud's. */
  readonly loginBase?: string | undefined;
  /** Of an OpenID provider. */
  readonly issuer?: string | undefined;
  /** What the issuer says of itself, once it was asked. */
  readonly discovered?: Metadata | undefined;
  readonly clientId?: string | undefined;
  /** Absolute; undefined when the token goes to standard output. */
  readonly tokenFile?: string | undefined;
  /** Of the file that is to be replaced. */
  readonly existing?: TokenFileOverrides | undefined;
}

export interface SignInSettings {
  readonly provider: Provider;
  readonly tokenEndpoint: URL;
  readonly clientId: string | undefined;
  /** Belongs to `clientId`, which another client's secret never does. */
  readonly clientSecret: OAuthClient['clientSecret'] | undefined;
  readonly tokenStore: TokenStoreName;
  /** What the configuration alone says, and so need not be written into the file. */
  readonly configured: ClientSettings;
  readonly connection: Pick<OAuthClient, 'proxy' | 'caBundleFile' | 'caCertsDir'>;
}

/** Who must be asked for the endpoints before the settings can be found, and how. Throws as findSignInSettings. */
export function issuerToAsk(
  config: Config,
  question: SignInQuestion,
): { readonly issuer: URL; readonly connection: SignInSettings['connection'] } | undefined {
  const { known, named } = lookUp(config, question);
  if (named.issuer !== undefined) return { issuer: new URL(named.issuer), connection: connectionOf(known) };
  if (named.needsIssuer !== true) return undefined;
  throw new AppError('usage', `${named.name} is any OpenID provider, and nothing says which`, {
    hint: `add --issuer https://…, or providers.${named.name}.issuer to the configuration`,
  });
}

/** Throws AppError config-invalid, account-incomplete, or usage for a tenant where there is none. */
export function findSignInSettings(config: Config, question: SignInQuestion): SignInSettings {
  const { existing } = question;
  const { configured, known, named, tokenStore } = lookUp(config, question);
  const inUse = named.issuer === undefined ? [existing?.tokenEndpoint, configured.tokenEndpoint] : [];
  const found = withDiscovered(named, question.discovered);
  const { provider, tokenEndpoint } = chooseEndpoints(found, question.tenant, inUse);
  const clientId = question.clientId ?? (known.clientId || undefined);
  return {
    provider,
    tokenEndpoint,
    clientId,
    clientSecret: clientId === known.clientId ? known.clientSecret : undefined,
    tokenStore,
    configured,
    connection: connectionOf(known),
  };
}

function lookUp(config: Config, question: SignInQuestion) {
  const { tokenFile, existing } = question;
  const asked = inCloud(question);
  const [name, settings] =
    (tokenFile === undefined ? undefined : findSettings(config, { tokenFile, overrides: existing })) ?? [];
  if (settings?.provider !== undefined && settings.provider !== asked)
    throw new AppError(
      'config-invalid',
      `account ${name} is configured for ${settings.provider}, not for ${asked}`,
      { hint: `mailbearer get-token ${settings.provider} ${tokenFile}, or change accounts.${name}.provider` },
    );
  const laid = applySettings(resolveProvider(config, asked), settings);
  const named = ofIssuer(atBase(laid, question.loginBase), question.issuer);
  const configured = inherit(settings, clientSettingsOf(config, named.name));
  const tokenStore = tokenStoreOf(config, named.name, settings);
  return { named, configured, known: inherit(existing, configured), tokenStore };
}

function connectionOf(known: ClientSettings): SignInSettings['connection'] {
  return {
    proxy: readProxy(known.proxy),
    caBundleFile: known.caBundleFile || undefined,
    caCertsDir: known.caCertsDir || undefined,
  };
}

function ofIssuer(provider: Provider, issuer: string | undefined): Provider {
  if (issuer === undefined) return provider;
  if (provider.issuer === undefined && provider.needsIssuer !== true)
    throw new AppError('usage', `--issuer is for ${oidc.name}, not for ${provider.name}`, {
      hint: `mailbearer get-token ${oidc.name} --issuer ${issuer} …`,
    });
  const result = parseEndpoint(issuer);
  if ('value' in result) return { ...provider, issuer };
  throw new AppError('usage', `--issuer: ${result.problem}`, {
    hint: 'it looks like https://login.corp.example/realms/mail',
  });
}

/**
 * The first endpoint in use that is one of this provider's, else the provider's usual one. At Microsoft it names
 * the tenant, and signing in again must not lead to another.
 */
function chooseEndpoints(
  provider: Provider,
  tenant: string | undefined,
  inUse: readonly (string | undefined)[],
): { provider: Provider; tokenEndpoint: URL } {
  const usual = provider.tokenEndpoint === undefined ? undefined : new URL(provider.tokenEndpoint);
  const endpoint =
    inUse
      .map(readUrl)
      .find((found) => found && (usual === undefined || isSameService(provider, usual, found))) ?? usual;
  if (endpoint === undefined)
    throw new AppError('account-incomplete', `provider ${provider.name} has no token endpoint`, {
      hint: `add providers.${provider.name}.token_endpoint to the configuration`,
    });
  const wanted = tenant ?? provider.tenantOf?.(endpoint);
  if (wanted === undefined) return { provider, tokenEndpoint: endpoint };
  if (provider.endpointsOfTenant === undefined || provider.tenantOf?.(endpoint) === undefined)
    throw new AppError('usage', `--tenant is for Microsoft, and ${endpoint.origin} is not`, {
      hint: 'leave --tenant out, or name the provider that it belongs to',
    });
  const endpoints = provider.endpointsOfTenant(wanted);
  return { provider: { ...provider, ...endpoints }, tokenEndpoint: new URL(endpoints.tokenEndpoint) };
}

/** The national clouds are providers of their own. */
function inCloud({ cloud, provider }: SignInQuestion): string {
  if (cloud === undefined) return provider;
  const name = presets.get(provider)?.inCloud?.[cloud];
  if (name !== undefined) return name;
  const able = [...presets.values()]
    .filter(({ inCloud: other }) => other?.[cloud])
    .map((preset) => preset.name);
  throw new AppError('usage', `--cloud ${cloud} is for ${able.join(' and ')}, not for ${provider}`, {
    hint: `mailbearer get-token ${able[0]} …, or leave --cloud out`,
  });
}

function atBase(provider: Provider, loginBase: string | undefined): Provider {
  if (loginBase === undefined) return provider;
  if (provider.endpointsOfTenant === undefined)
    throw new AppError('usage', `--login-base is for Microsoft, not for ${provider.name}`, {
      hint: `leave it out, or set providers.${provider.name}.authorization_endpoint and its like`,
    });
  const result = parseEndpoint(loginBase);
  if ('problem' in result)
    throw new AppError('usage', `--login-base: ${result.problem}`, {
      hint: 'it looks like https://login.microsoftonline.com',
    });
  const usual = provider.tenantOf?.(new URL(provider.tokenEndpoint ?? result.value)) ?? 'organizations';
  return { ...provider, ...microsoftSignIn(loginBase.replace(/\/+$/, ''), usual) };
}

/** What the configuration holds has been checked; a bad value in the file that is replaced does not matter. */
function readUrl(text: string | undefined): URL | undefined {
  const result = parseEndpoint(text ?? '');
  return 'value' in result ? result.value : undefined;
}

function readProxy(text: string | undefined): URL | undefined {
  const result = text ? parseProxy(text) : undefined;
  return result && 'value' in result ? result.value : undefined;
}
