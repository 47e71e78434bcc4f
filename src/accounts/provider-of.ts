/**
 * Settings laid over settings: a provider of the configuration over a preset, a more specific level over a more
 * general one. Pure; which levels an account has is resolve.ts's.
 */
import type { ClientSettings, Config, ProviderSettings, TokenStoreName } from '../config/config.js';
import { orDidYouMean } from '../config/nearest.js';
import { perConfig } from '../config/per-config.js';
import { AppError } from '../core/errors.js';
import {
  oidc,
  presets,
  type Provider,
  recogniseProvider,
  type SmtpHost,
  unknownProvider,
} from '../providers/index.js';

/**
 * A preset or an entry of `providers`; an entry named like a preset changes that preset's fields. Throws
 * AppError config-invalid that names the known ones.
 */
export const resolveProvider = perConfig((config, name): Provider => {
  const preset = presets.get(name);
  const entry = config.providers.get(name);
  if (preset === undefined && entry === undefined) {
    const known = [...new Set([...presets.keys(), ...config.providers.keys()])];
    throw new AppError('config-invalid', `no provider is called "${name}"${orDidYouMean(name, known)}`, {
      hint: `use one of ${known.join(', ')}, or describe "${name}" under "providers" in the configuration`,
    });
  }
  return applySettings(preset ?? ownProvider(name, entry), entry);
});

/** Without consent asked for anew, OpenID providers drop offline_access (OpenID Connect Core, 11). */
function ownProvider(name: string, entry: ProviderSettings | undefined): Provider {
  if (entry?.issuer !== undefined) return { ...oidc, name, title: name };
  const offline = entry?.scope?.split(/\s+/).includes('offline_access') ?? false;
  return {
    ...unknownProvider,
    name,
    title: name,
    authorizationParameters: offline ? { prompt: 'consent' } : {},
  };
}

/** The provider whose tokens come from this endpoint: an own one first, then a preset, else one nothing is known of. */
export function providerAt(config: Config, tokenEndpoint: URL): Provider {
  for (const [name, entry] of config.providers)
    if (entry.tokenEndpoint !== undefined && sameEndpoint(new URL(entry.tokenEndpoint), tokenEndpoint))
      return resolveProvider(config, name);
  const preset = recogniseProvider(tokenEndpoint);
  return preset === undefined ? unknownProvider : resolveProvider(config, preset.name);
}

function sameEndpoint(a: URL, b: URL): boolean {
  return a.origin === b.origin && a.pathname === b.pathname;
}

/** Whether tokens of `usual`, one of this provider's endpoints, may come from `endpoint` too: another tenant, say. */
export function isSameService(provider: Provider, usual: URL, endpoint: URL): boolean {
  return endpoint.origin === usual.origin || provider.recognisedBy?.(endpoint) === true;
}

/**
 * Each field that is set wins over the base's. A scope goes with refreshes only where the provider wants one: others
 * refuse a refresh that names a scope which consent did not grant (RFC 6749, 6).
 */
export function applySettings(base: Provider, settings: ProviderSettings | undefined): Provider {
  if (settings === undefined) return base;
  const { tokenEndpoint } = settings;
  // A token from elsewhere is nothing to the preset's service, and is not shown to it.
  const isElsewhere =
    tokenEndpoint !== undefined &&
    base.tokenEndpoint !== undefined &&
    !isSameService(base, new URL(base.tokenEndpoint), new URL(tokenEndpoint));
  const ofService = <T>(value: T) => (isElsewhere ? undefined : value);
  return {
    ...base,
    issuer: settings.issuer ?? base.issuer,
    userinfoEndpoint: ofService(base.userinfoEndpoint),
    authorizationEndpoint: settings.authorizationEndpoint ?? base.authorizationEndpoint,
    deviceAuthorizationEndpoint: settings.deviceAuthorizationEndpoint ?? base.deviceAuthorizationEndpoint,
    tokenEndpoint: tokenEndpoint ?? base.tokenEndpoint,
    revocationEndpoint: settings.revocationEndpoint ?? ofService(base.revocationEndpoint),
    revokeByHand: ofService(base.revokeByHand),
    scope: settings.scope ?? base.scope,
    refreshScope: base.refreshScope && withoutOpenid(settings.scope ?? base.refreshScope),
    smtp: applySmtp(base.smtp, settings.smtp),
    mechanism: settings.mechanism ?? base.mechanism,
    pace: { ...base.pace, ...settings.pace },
  };
}

/** Asked for on refresh, `openid` brings an id_token whose issuer Microsoft's `common` tenant gets "wrong". */
function withoutOpenid(scope: string): string | undefined {
  const words = scope.split(/\s+/).filter((word) => word !== '' && word !== 'openid');
  return words.join(' ') || undefined;
}

/** Port and TLS mode go together (RFC 8314, 3.3 and 7.3): one given alone brings the other. */
function applySmtp(base: SmtpHost | undefined, over: Partial<SmtpHost> | undefined): SmtpHost | undefined {
  const host = over?.host ?? base?.host;
  if (over === undefined || host === undefined) return base;
  const tlsOfPort = over.port === 465 ? 'implicit' : over.port === 587 ? 'starttls' : undefined;
  const tls = over.tls ?? tlsOfPort ?? base?.tls ?? 'starttls';
  const basePort = tls === base?.tls ? base.port : undefined;
  return { host, tls, port: over.port ?? basePort ?? (tls === 'implicit' ? 465 : 587) };
}

/** What a provider's entry and, below it, the top level say of the OAuth client. */
export function clientSettingsOf(config: Config, providerName: string): ClientSettings {
  const entry = config.providers.get(providerName);
  return inherit(entry, ofSameClient(entry, config));
}

/** Which place for the secrets is wanted, by the account's entry, its provider's, or the top level. */
export function tokenStoreOf(
  config: Config,
  providerName: string,
  settings: ProviderSettings | undefined,
): TokenStoreName {
  const entry = config.providers.get(providerName);
  return settings?.tokenStore ?? entry?.tokenStore ?? config.tokenStore ?? 'file';
}

/** A secret belongs to its client id: where another client is named, the general secret is not its. */
export function ofSameClient(specific: ClientSettings | undefined, general: ClientSettings): ClientSettings {
  const { clientId } = specific ?? {};
  return clientId === undefined || clientId === general.clientId
    ? general
    : { ...general, clientSecret: undefined, secretExpiresAt: undefined };
}

/** Field by field; "" is a value. The trust sources are a pair: naming one drops the other's inheritance. */
export function inherit(specific: ClientSettings | undefined, general: ClientSettings): ClientSettings {
  if (specific === undefined) return general;
  return {
    clientId: specific.clientId ?? general.clientId,
    clientSecret: specific.clientSecret ?? general.clientSecret,
    secretExpiresAt: specific.secretExpiresAt ?? general.secretExpiresAt,
    tokenEndpoint: specific.tokenEndpoint ?? general.tokenEndpoint,
    refreshWindowSeconds: specific.refreshWindowSeconds ?? general.refreshWindowSeconds,
    proxy: specific.proxy ?? general.proxy,
    caBundleFile: specific.caBundleFile ?? (specific.caCertsDir ? undefined : general.caBundleFile),
    caCertsDir: specific.caCertsDir ?? (specific.caBundleFile ? undefined : general.caCertsDir),
  };
}
