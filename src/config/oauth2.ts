/**
 * How bearer tokens of clients are checked at one port of the relay, as data: what Dovecot's oauth2 passdb has in
 * dovecot-oauth2.conf.ext. oauth2-schema.ts makes it from JSON.
 */
import { Secret } from '../core/secret.js';
import type { UsernameFormat } from './username-format.js';
import { parseEndpoint, type Parsed } from './values.js';

/** A URL of the identity provider, with what stood in front of its @. */
export interface ProviderUrl {
  readonly url: URL;
  /** `id:secret`, decoded, for Basic authentication. */
  readonly credentials: Secret | undefined;
}

export interface OAuth2Settings {
  readonly tokeninfo: ProviderUrl | undefined;
  readonly introspection: ProviderUrl | undefined;
  /** How introspection_url is asked: with the token as Authorization, behind the URL, or in a form (RFC 7662). */
  readonly introspectionMode: 'auth' | 'get' | 'post';
  /** Asked even where tokeninfo_url said all. */
  readonly forceIntrospection: boolean;
  /** JWTs are verified here when set; then they are never shown to the provider. */
  readonly local:
    { readonly keyDirectory: string | undefined; readonly jwksUrl: URL | undefined } | undefined;
  /** Undefined: email, and in a JWT without it sub. */
  readonly usernameAttribute: string | undefined;
  readonly usernameFormat: UsernameFormat;
  readonly activeAttribute: string | undefined;
  /** Undefined: any value. */
  readonly activeValue: string | undefined;
  /** One of them is enough; empty: not looked at. */
  readonly scopes: readonly string[];
  /** Empty: not looked at. */
  readonly issuers: readonly string[];
  readonly clientId: string | undefined;
  readonly clientSecret: Secret | undefined;
  readonly openidConfigurationUrl: string | undefined;
  /** For one request, connecting included. */
  readonly timeoutMs: number;
  readonly maxParallelConnections: number;
  readonly proxy: URL | undefined;
  readonly tls: {
    readonly caCertFile: string | undefined;
    readonly caCertDir: string | undefined;
    readonly certFile: string | undefined;
    readonly keyFile: string | undefined;
  };
  /** Where passwords of PLAIN and LOGIN are tried (RFC 6749, 4.3); undefined: nowhere. */
  readonly passwordGrant: ProviderUrl | undefined;
}

/** As an endpoint, but for a name and a password in it. */
export function parseProviderUrl(text: string): Parsed<ProviderUrl> {
  if (!URL.canParse(text)) return { problem: 'expected a URL such as "https://idp.example/introspect"' };
  const url = new URL(text);
  const { password, username } = url;
  url.username = url.password = '';
  const bare = parseEndpoint(url.href);
  if ('problem' in bare) return bare;
  if (username === '' && password === '') return { value: { url: bare.value, credentials: undefined } };
  try {
    // RFC 3986, 3.2.1: what a URL cannot hold is percent-encoded there.
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return { value: { url: bare.value, credentials: new Secret(credentials) } };
  } catch {
    return { problem: 'the name or the password in it is not percent-encoded as it should be' };
  }
}

/** A directory, also in the words of Dovecot: `fs:posix:prefix=/etc/dovecot/keys/`. */
export function parseKeyDirectory(text: string): Parsed<string> {
  const [, directory] = /^(?:fs:posix:prefix=)?(\/.*)$/.exec(text) ?? [];
  return directory === undefined
    ? { problem: 'expected an absolute path, or "fs:posix:prefix=/path/"; no other dictionary is supported' }
    : { value: directory };
}
