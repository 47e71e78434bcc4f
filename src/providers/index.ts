/** What is known of providers: all presets by name, and the one whose service answers at an address. */
import * as all from './presets.js';
import type { Provider } from './provider.js';

/** In the order of their names. */
export const presets: ReadonlyMap<string, Provider> = new Map(
  Object.values<Provider>(all)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map((provider) => [provider.name, provider]),
);

/** Where sasl-xoauth2 goes when nothing names a token endpoint. */
export const saslXoauth2Endpoint = 'https://accounts.google.com/o/oauth2/token';

/** The preset whose service answers at this token endpoint. */
export function recogniseProvider(tokenEndpoint: URL): Provider | undefined {
  for (const provider of presets.values()) if (provider.recognisedBy?.(tokenEndpoint)) return provider;
  return undefined;
}

export { microsoftSignIn } from './microsoft.js';
export * from './presets.js';
export * from './provider.js';
