/** Where a person is sent to sign an account in, what is asked for there, and who says afterwards who it was. */
import type { Account, OAuthClient } from '../accounts/account.js';
import { parseEndpoint } from '../config/values.js';
import { AppError } from '../core/errors.js';
import type { Provider } from '../providers/index.js';
import { discover, type Metadata } from './discovery.js';
import type { HttpOptions } from './http.js';
import { askWhoSignedIn } from './identity.js';
import { loginError, type SignedIn } from './login.js';

/** Who signs in is asked once; on refresh it would only bring what is not needed. */
export function consentScope(
  { identityScope, scope }: Provider,
  asked: string | undefined,
): string | undefined {
  const wanted = asked ?? scope;
  if (wanted === undefined) return undefined;
  return [...new Set(`${identityScope ?? ''} ${wanted}`.split(/\s+/))].filter(Boolean).join(' ');
}

/** With what its issuer says; what is configured stays. */
export function withDiscovered(provider: Provider, said: Metadata | undefined): Provider {
  if (said === undefined) return provider;
  const endpoint = (name: string) => {
    const result = parseEndpoint(typeof said[name] === 'string' ? said[name] : '');
    return 'value' in result ? result.value.href : undefined;
  };
  return {
    ...provider,
    authorizationEndpoint: provider.authorizationEndpoint ?? endpoint('authorization_endpoint'),
    deviceAuthorizationEndpoint:
      provider.deviceAuthorizationEndpoint ?? endpoint('device_authorization_endpoint'),
    tokenEndpoint: provider.tokenEndpoint ?? endpoint('token_endpoint'),
    userinfoEndpoint: provider.userinfoEndpoint ?? endpoint('userinfo_endpoint'),
  };
}

/** Its provider with all that a sign-in needs, of its tenant. Throws AppError account-incomplete, or as loginError. */
export async function providerForSignIn(
  { client, provider }: Pick<Account, 'client' | 'provider'>,
  options: HttpOptions,
): Promise<Provider & { readonly authorizationEndpoint: string }> {
  const { issuer } = provider;
  let found = provider;
  if (issuer !== undefined && provider.authorizationEndpoint === undefined) {
    const reply = await discover(new URL(issuer), client, options);
    if (reply.kind === 'refused') throw loginError(reply.outcome, new URL(issuer));
    found = withDiscovered(provider, reply.value);
  }
  const tenant = found.tenantOf?.(client.tokenEndpoint);
  const authorizationEndpoint =
    (tenant && found.endpointsOfTenant?.(tenant).authorizationEndpoint) ?? found.authorizationEndpoint;
  if (authorizationEndpoint !== undefined) return { ...found, authorizationEndpoint };
  throw new AppError('account-incomplete', `provider ${found.name} has no authorization_endpoint`, {
    hint: `add providers.${found.name}.authorization_endpoint to the configuration`,
  });
}

/** The addresses of who signed in, in lower case; empty when the provider does not say. */
export async function whoSignedIn(
  { accessToken, addresses }: Pick<SignedIn, 'accessToken' | 'addresses'>,
  { userinfoEndpoint }: Provider,
  client: OAuthClient,
  options: HttpOptions,
): Promise<readonly string[]> {
  if (addresses.length > 0 || userinfoEndpoint === undefined) return addresses;
  return askWhoSignedIn(new URL(userinfoEndpoint), accessToken, client, options);
}
