/**
 * The initial response that quick-token.ts answers with where one is asked for: login name and server are those that
 * stand there plainly, or a preset's. As there, undefined leaves it to the command itself.
 */
import { Secret } from '../core/secret.js';
import { mechanisms } from '../protocol/sasl/choose.js';
import { presets, recogniseProvider, saslXoauth2Endpoint } from '../providers/index.js';
import type { MechanismName } from '../providers/provider.js';

type Json = Readonly<Record<string, unknown>>;

export interface QuickAccount {
  readonly config: Json;
  /** Its own in `accounts`; empty when it has none. */
  readonly entry: Json;
  /** The token file. */
  readonly file: Json;
  /** Its key in `accounts`, or its address. */
  readonly name: string;
  readonly token: string;
}

/** May throw where something is not what it should be. */
export function quickResponse(mechanism: MechanismName, account: QuickAccount): string | undefined {
  const { entry, file, name: own, token } = account;
  const user = file['user'] || entry['user'] || own;
  if (typeof user !== 'string' || !user.includes('@')) return undefined;
  const server = serverOf(account);
  return server && mechanisms[mechanism].response({ user, token: new Secret(token), ...server });
}

function serverOf({ config, entry, file }: QuickAccount): { host: string; port: number } | undefined {
  if (entry['smtp'] !== undefined) return namedServer(entry['smtp']);
  const { provider: name } = entry;
  const own = (config['providers'] ?? {}) as Readonly<Record<string, Json>>;
  // Presets may be changed there, and endpoints be those of other providers.
  if (Object.keys(own).length > 0) return namedServer(own[name as string]?.['smtp']);
  if (entry['issuer'] !== undefined) return undefined;
  const endpoint = [file, entry, config]
    .map((place) => place['token_endpoint'])
    .find((found) => found != null);
  const preset =
    name === undefined
      ? recogniseProvider(new URL(endpoint ?? saslXoauth2Endpoint))
      : presets.get(name as string);
  return preset?.smtp;
}

/** Where both are named; one alone brings a preset's other, or a default. */
function namedServer(smtp: unknown): { host: string; port: number } | undefined {
  const { host, port } = (smtp ?? {}) as Json;
  return typeof host === 'string' && typeof port === 'number' ? { host, port } : undefined;
}
