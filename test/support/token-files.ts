/** Token files, accounts and stores for tests, all in a directory of the test's own. */
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Account } from '../../src/accounts/account.js';
import type { Clock } from '../../src/core/clock.js';
import { Secret } from '../../src/core/secret.js';
import type { RefreshOutcome } from '../../src/oauth/outcome.js';
import { unknownProvider } from '../../src/providers/provider.js';

export type TokenJson = Readonly<Record<string, unknown>>;

/** As sasl-xoauth2 writes it. `lifeSeconds` counts from the clock's now. */
export async function writeTokenFile(
  path: string,
  clock: Clock,
  lifeSeconds: number,
  fields: TokenJson = {},
): Promise<void> {
  const expiry = String(Math.floor(clock.now() / 1000) + lifeSeconds);
  const json = { access_token: 'access-0', expiry, refresh_token: 'refresh-0', ...fields };
  await writeFile(path, JSON.stringify(json), { mode: 0o600 });
}

export function testAccount(tokenFile: string, changes: Partial<Account> = {}): Account {
  const name = basename(tokenFile);
  return {
    name,
    tokenFile,
    provider: { ...unknownProvider, name: 'corp' },
    client: {
      clientId: 'client',
      clientSecret: new Secret(''),
      tokenEndpoint: new URL('http://127.0.0.1:1/token'),
      refreshScope: undefined,
      proxy: undefined,
      caBundleFile: undefined,
      caCertsDir: undefined,
    },
    grant: { kind: 'refresh-token' },
    tokenStore: 'file',
    submission: {
      user: name,
      smtp: { host: '127.0.0.1', port: 587, tls: 'none' },
      mechanism: undefined,
    },
    refreshWindowSeconds: 600,
    senders: [name],
    ...changes,
  };
}

export function refreshedOutcome(number: number, expiresInSeconds = 3600): RefreshOutcome {
  return {
    kind: 'refreshed',
    accessToken: new Secret(`access-${number}`),
    refreshToken: new Secret(`refresh-${number}`),
    expiresInSeconds,
    lifetimeKnown: true,
  };
}
