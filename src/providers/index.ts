/** The providers known by name. One line here for each. */
import { fastmail } from './fastmail.js';
import { gmail } from './gmail.js';
import { hve, outlook, outlookChina, outlookPersonal, outlookUsGov } from './outlook.js';
import type { Provider } from './provider.js';

export const presets: ReadonlyMap<string, Provider> = new Map(
  [gmail, outlook, outlookPersonal, hve, outlookUsGov, outlookChina, fastmail].map((provider) => [
    provider.name,
    provider,
  ]),
);

/** The preset whose service answers at this token endpoint. */
export function recogniseProvider(tokenEndpoint: URL): Provider | undefined {
  for (const provider of presets.values()) if (provider.recognisedBy?.(tokenEndpoint)) return provider;
  return undefined;
}

export { gmail } from './gmail.js';
export { microsoftSignIn } from './microsoft.js';
export { hve, type MicrosoftCloud, microsoftClouds, outlook } from './outlook.js';
export * from './provider.js';
