/**
 * The keys of `oauth2` in the `auth` of an entry of `relay.listen`, as dovecot-oauth2.conf.ext names them, each with
 * the sentence that the reference manual prints for it. A key that is not known is refused, not passed over: what it
 * demands would go unchecked.
 */
import type { z } from 'zod';
import { Secret } from '../core/secret.js';
import { orDidYouMean } from './nearest.js';
import { type OAuth2Settings, parseKeyDirectory, parseProviderUrl } from './oauth2.js';
import {
  closedSection,
  credential,
  oneOf,
  oneOrMore,
  read,
  scalar,
  switchable,
  text,
} from './schema-values.js';
import { parseUsernameFormat } from './username-format.js';
import { parseAbsolutePath, type Parsed, parseEndpoint, parseProxy } from './values.js';

/** What is empty in Dovecot's file is not set. */
function orUnset<T>(parse: (value: string) => Parsed<T>) {
  return read(text, (value): Parsed<T | undefined> => (value === '' ? { value: undefined } : parse(value)));
}

function wholeNumber(least: number) {
  const problem = `expected a whole number from ${least}`;
  return read(scalar(problem), (value): Parsed<number> => {
    const number = typeof value === 'boolean' || value === '' ? NaN : Number(value);
    const fits = Number.isSafeInteger(number) && number >= least && number < 2 ** 31;
    return fits ? { value: number } : { problem };
  });
}

const words = oneOrMore((value) => ({ value: value.split(/\s+/).filter((word) => word !== '') })).transform(
  (lists) => lists.flat(),
);
const providerUrl = orUnset(parseProviderUrl);
const file = orUnset(parseAbsolutePath);
const anything = orUnset((value) => ({ value }));

/** Dovecot waits for ever where timeout_msecs is 0. No client does. */
const longestWaitMs = 30_000;

export const oauth2Shape = {
  tokeninfo_url: providerUrl
    .optional()
    .describe('URL that says whether a token is valid; the token is put behind it.'),
  introspection_url: providerUrl
    .optional()
    .describe('URL that says whose a token is. With "https://id:secret@…", by Basic authentication.'),
  introspection_mode: oneOf('auth', 'get', 'post', 'local')
    .default('auth')
    .describe(
      'How introspection_url is asked: the token as Authorization, behind the URL, or in a form (RFC 7662); "local"' +
        ' verifies JWTs here, and asks for other tokens by a form.',
    ),
  force_introspection: switchable
    .default(false)
    .describe('Whether introspection_url is asked even where tokeninfo_url said all.'),
  local_validation_key_dict: orUnset(parseKeyDirectory)
    .optional()
    .describe(
      'Directory of keys for JWTs, laid out as Dovecot\'s: AZP/ALG/KID, each "default" where the token has none.',
    ),
  jwks_url: orUnset(parseEndpoint)
    .optional()
    .describe("URL of the provider's public keys, for JWTs (RFC 7517)."),
  scope: words.default([]).describe('Scopes of which a token must have one.'),
  username_attribute: anything
    .optional()
    .describe('Field that says whose the token is. By default "email", and in a JWT without it "sub".'),
  username_format: read(text, parseUsernameFormat)
    .prefault('%Lu')
    .describe('How names are made alike before they are compared: %u, %n, %d, with L or U.'),
  active_attribute: anything
    .optional()
    .describe('Field that a token of an enabled user has. "active": false is refused without it, too.'),
  active_value: anything.optional().describe('What active_attribute must be; by default anything.'),
  issuers: words.default([]).describe('Issuers that a token may be of; needed for JWTs.'),
  client_id: read(credential, (value) => ({ value: value || undefined }))
    .optional()
    .describe('Client that a JWT must be meant for (aud); also who asks by a form, and at grant_url.'),
  client_secret: read(credential, (value) => ({ value: value === '' ? undefined : new Secret(value) }))
    .optional()
    .describe('Secret of client_id.'),
  openid_configuration_url: orUnset(parseEndpoint)
    .optional()
    .describe('Told to clients of OAUTHBEARER that are refused (RFC 7628), to learn where tokens come from.'),
  grant_url: providerUrl
    .optional()
    .describe('Token endpoint where passwords of PLAIN and LOGIN are tried, with use_grant_password.'),
  use_grant_password: switchable
    .default(false)
    .describe('Whether passwords are tried at grant_url; for providers of your own only.'),
  timeout_msecs: wholeNumber(0)
    .default(0)
    .describe('Milliseconds that one request may take; 0 means 30 seconds.'),
  max_parallel_connections: wholeNumber(1).default(10).describe('Requests to the provider at once.'),
  proxy: orUnset(parseProxy).optional().describe('http or https URL of a proxy on the way to the provider.'),
  tls_ca_cert_file: file
    .optional()
    .describe('PEM file of the authorities that are trusted, in place of the built-in ones.'),
  tls_ca_cert_dir: file.optional().describe('Directory of PEM files, in place of tls_ca_cert_file.'),
  tls_cert_file: file.optional().describe('PEM certificate that is shown to the provider.'),
  tls_key_file: file.optional().describe('PEM key of tls_cert_file.'),
};

/** Keys of Dovecot that do nothing here, with what to do instead. */
const unsupported: Readonly<Record<string, string>> = {
  pass_attrs: 'is not supported; "upstream_token": "client" passes the token on',
  debug: 'is not supported; "log_level": "debug" at the top level says more',
  rawlog_dir: 'is not supported, for it would write tokens down',
  max_pipelined_requests: 'is not supported: each request has a connection of its own',
  tls_cipher_suite: "is not supported: the suites are Node's",
  tls_allow_invalid_cert:
    'is not supported: certificates are always verified; name the authority in tls_ca_cert_file',
};

const written = closedSection(oauth2Shape, (key, known) =>
  Object.hasOwn(unsupported, key)
    ? `${key} ${unsupported[key]}`
    : `${key} is not supported${orDidYouMean(key, known)}`,
).check(({ value, issues }) => {
  for (const [key, message] of contradictions(value))
    issues.push({ code: 'custom', message, input: value[key], path: [key] });
});

type Raw = z.output<typeof written>;

function* contradictions(raw: Raw): Generator<readonly [keyof typeof oauth2Shape, string]> {
  const keys = raw.local_validation_key_dict ?? raw.jwks_url;
  if (raw.introspection_mode === 'local' && keys === undefined)
    yield ['introspection_mode', '"local" needs local_validation_key_dict or jwks_url'];
  else if ((keys ?? raw.tokeninfo_url ?? raw.introspection_url) === undefined)
    yield ['introspection_url', 'one of introspection_url, tokeninfo_url and jwks_url must be set'];
  // Else any token of the provider, got for whatever other program, would let its holder in.
  if (keys !== undefined && raw.issuers.length === 0)
    yield ['issuers', 'must be set where JWTs are verified here'];
  if (keys !== undefined && raw.client_id === undefined && raw.scope.length === 0)
    yield ['client_id', 'or scope must be set where JWTs are verified here'];
  if (raw.introspection_mode === 'auth' && raw.introspection_url?.credentials !== undefined)
    yield [
      'introspection_mode',
      '"auth" sends the token in place of the name and the secret in introspection_url; set "post"',
    ];
  if (raw.force_introspection && raw.introspection_url === undefined)
    yield ['force_introspection', 'needs introspection_url'];
  if (raw.active_value !== undefined && raw.active_attribute === undefined)
    yield ['active_value', 'needs active_attribute'];
  if (raw.use_grant_password && raw.grant_url === undefined) yield ['use_grant_password', 'needs grant_url'];
  if (raw.use_grant_password && raw.client_id === undefined && raw.grant_url?.credentials === undefined)
    yield ['use_grant_password', 'needs client_id'];
  if (raw.client_secret !== undefined && raw.client_id === undefined)
    yield ['client_secret', 'needs client_id'];
  if (raw.tls_ca_cert_file !== undefined && raw.tls_ca_cert_dir !== undefined)
    yield ['tls_ca_cert_dir', 'excludes tls_ca_cert_file; keep only one of the two'];
  if ((raw.tls_cert_file === undefined) !== (raw.tls_key_file === undefined))
    yield ['tls_cert_file', 'and tls_key_file belong together'];
}

export const oauth2 = written.transform((raw): OAuth2Settings => {
  const { jwks_url: jwksUrl, local_validation_key_dict: keyDirectory } = raw;
  return {
    tokeninfo: raw.tokeninfo_url,
    introspection: raw.introspection_url,
    introspectionMode: raw.introspection_mode === 'local' ? 'post' : raw.introspection_mode,
    forceIntrospection: raw.force_introspection,
    local: (keyDirectory ?? jwksUrl) === undefined ? undefined : { keyDirectory, jwksUrl },
    usernameAttribute: raw.username_attribute,
    usernameFormat: raw.username_format,
    activeAttribute: raw.active_attribute,
    activeValue: raw.active_value,
    scopes: raw.scope,
    issuers: raw.issuers,
    clientId: raw.client_id,
    clientSecret: raw.client_secret,
    openidConfigurationUrl: raw.openid_configuration_url?.href,
    timeoutMs: raw.timeout_msecs || longestWaitMs,
    maxParallelConnections: raw.max_parallel_connections,
    proxy: raw.proxy,
    tls: {
      caCertFile: raw.tls_ca_cert_file,
      caCertDir: raw.tls_ca_cert_dir,
      certFile: raw.tls_cert_file,
      keyFile: raw.tls_key_file,
    },
    passwordGrant: raw.use_grant_password ? raw.grant_url : undefined,
  };
});
