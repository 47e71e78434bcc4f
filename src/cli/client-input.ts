/**
 * The OAuth client of a sign-in, complete: what neither flags nor configuration say is asked for. Refuses what
 * documentation puts where an ID or a secret should go.
 */
import type { OAuthClient } from '../accounts/account.js';
import { parseCredential } from '../config/values.js';
import { AppError } from '../core/errors.js';
import { findClientSecret } from './secret-input.js';
import type { SignInSettings } from './sign-in-settings.js';
import type { Ui } from './ui.js';

export interface ClientFlags {
  readonly clientSecret?: string;
  readonly clientSecretFile?: string;
}

/** Throws AppError account-incomplete without a client ID, usage for a placeholder, and as findClientSecret. */
export async function completeClient(
  settings: SignInSettings,
  flags: ClientFlags,
  env: NodeJS.ProcessEnv,
  ui: Ui,
  signal: AbortSignal,
): Promise<OAuthClient> {
  const clientId = settings.clientId ?? (await ui.ask('Client ID: ', signal));
  if (!clientId)
    throw new AppError('account-incomplete', `no client ID is known for ${settings.provider.title}`, {
      hint: 'give --client-id, or set client_id in the configuration',
    });
  refusePlaceholder('client ID', clientId);
  const clientSecret = await findClientSecret(
    {
      flag: flags.clientSecret,
      file: flags.clientSecretFile,
      env,
      configured: settings.clientSecret,
      // Whoever answered one question, a person or a script, answers the other.
      ask: ui.interactive || settings.clientId === undefined,
    },
    ui,
    signal,
  );
  refusePlaceholder('client secret', clientSecret.reveal());
  const { tokenEndpoint, provider, connection } = settings;
  return { clientId, clientSecret, tokenEndpoint, refreshScope: provider.refreshScope, ...connection };
}

function refusePlaceholder(what: string, value: string): void {
  const parsed = parseCredential(value);
  if ('value' in parsed) return;
  throw new AppError('usage', `the ${what} ${parsed.problem}`, {
    hint: 'it is shown where the application is registered, at the provider',
  });
}
