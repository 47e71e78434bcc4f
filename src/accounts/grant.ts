/**
 * How an account gets its tokens, from what its entry and its provider's say. Pure. Throws AppError
 * account-incomplete, naming the key to add or to correct.
 */
import type { GrantSettings } from '../config/config.js';
import type { Provider } from '../providers/index.js';
import type { Grant } from './account.js';

/** What is wrong: a clause that follows the account's name, the key, and what to do. */
export type Complaint = (key: string, what: string, remedy: string) => Error;

export interface GrantContext {
  readonly provider: Provider;
  readonly tokenEndpoint: URL;
  /** Whether token file or configuration name it, and not only the preset. */
  readonly endpointConfigured: boolean;
  readonly user: string | undefined;
  readonly hasSecret: boolean;
  /** The scope that the account's entry or its provider's asks for, when one does. */
  readonly scope: string | undefined;
}

/** Field by field, the account's own first. */
export function inheritGrant(
  specific: GrantSettings | undefined,
  general: GrantSettings | undefined,
): GrantSettings {
  if (specific === undefined) return general ?? {};
  const merged = { ...specific };
  for (const [key, value] of Object.entries(general ?? {}))
    if (merged[key as keyof GrantSettings] === undefined) Object.assign(merged, { [key]: value });
  return merged;
}

const refreshToken: Grant = { kind: 'refresh-token' };

export function resolveGrant(settings: GrantSettings, context: GrantContext, complain: Complaint): Grant {
  switch (settings.grant ?? 'refresh_token') {
    case 'refresh_token':
      return refreshToken;
    case 'client_credentials':
      return clientCredentials(settings, context, complain);
    case 'service_account':
      return serviceAccount(settings, context, complain);
    case 'command': {
      const { tokenCommand: command } = settings;
      if (command === undefined || command.length === 0)
        throw complain('token_command', 'has no token_command', 'name the program that prints a token');
      return { kind: 'command', command };
    }
  }
}

function clientCredentials(
  { certificateFile, keyFile, keyPassphrase: passphrase }: GrantSettings,
  { provider, tokenEndpoint, hasSecret, scope }: GrantContext,
  complain: Complaint,
): Grant {
  const unfit = provider.unfitForApplications?.(tokenEndpoint);
  if (unfit !== undefined)
    throw complain('token_endpoint', `cannot sign in as an application: ${unfit}`, 'name the tenant');
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    const lacking = certificateFile === undefined ? 'certificate_file' : 'key_file';
    throw complain(lacking, `has no ${lacking}`, 'a certificate and its key go together');
  }
  const certificate =
    certificateFile === undefined || keyFile === undefined
      ? undefined
      : { certificateFile, keyFile, passphrase };
  if (certificate === undefined && !hasSecret)
    throw complain(
      'client_secret',
      'has neither client_secret nor certificate_file',
      'an application needs one of them',
    );
  return { kind: 'client-credentials', scope: scope ?? provider.applicationScope, certificate };
}

function serviceAccount(
  { serviceAccountFile: keyFile }: GrantSettings,
  { endpointConfigured, provider, scope, tokenEndpoint, user }: GrantContext,
  complain: Complaint,
): Grant {
  if (keyFile === undefined)
    throw complain(
      'service_account_file',
      'has no service_account_file',
      'name the key file that Google hands out',
    );
  if (user === undefined) throw complain('user', 'has no mailbox to speak for', 'set "user" to its address');
  const asked = scope ?? provider.scope;
  if (asked === undefined) throw complain('scope', 'has no scope', 'set "scope"');
  const endpoint = endpointConfigured ? tokenEndpoint : undefined;
  return { kind: 'service-account', keyFile, subject: user, scope: asked, endpoint };
}
