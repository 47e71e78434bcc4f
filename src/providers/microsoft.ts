/**
 * Microsoft's sign-in service, which stands in several clouds: what they have in common, for all of Microsoft's
 * providers. Sources: learn.microsoft.com/entra/identity-platform/authentication-national-cloud,
 * …/reply-url (redirects to localhost), …/v2-oauth2-auth-code-flow.
 */
import type { Endpoints, Provider } from './provider.js';

export const globalSignIn = 'https://login.microsoftonline.com';

/** The national clouds by the words of sasl-xoauth2-tool's --cloud: the provider in each. */
export const microsoftClouds = {
  usgov: 'outlook-usgov',
  'usgov-dod': 'outlook-usgov-dod',
  china: 'outlook-china',
} as const;

/** Tenants that are not one organization's. */
const sharedTenants = new Set(['common', 'organizations', 'consumers']);

type SignInService = Endpoints &
  Pick<
    Provider,
    | 'endpointsOfTenant'
    | 'tenantOf'
    | 'recognisedBy'
    | 'unfitForApplications'
    | 'loopbackRedirectHost'
    | 'pasteRedirectUri'
  >;

/** @param base such as https://login.microsoftonline.com @param usualTenant when none is named */
export function microsoftSignIn(base: string, usualTenant: string): SignInService {
  const endpointsOfTenant = (tenant: string): Endpoints => {
    const root = `${base}/${encodeURIComponent(tenant)}/oauth2/v2.0`;
    return {
      authorizationEndpoint: `${root}/authorize`,
      deviceAuthorizationEndpoint: `${root}/devicecode`,
      tokenEndpoint: `${root}/token`,
    };
  };
  const { origin } = new URL(base);
  const tenantOf = (endpoint: URL) =>
    endpoint.origin === origin ? endpoint.pathname.split('/')[1] || undefined : undefined;
  return {
    ...endpointsOfTenant(usualTenant),
    endpointsOfTenant,
    tenantOf,
    recognisedBy: (endpoint) => endpoint.origin === origin,
    unfitForApplications: (endpoint) => {
      const tenant = tenantOf(endpoint);
      if (tenant === undefined || !sharedTenants.has(tenant)) return undefined;
      return `its token_endpoint names the tenant "${tenant}", and an application belongs to one organization`;
    },
    // Registered once for "Mobile and desktop applications", it serves every port.
    loopbackRedirectHost: 'localhost',
    pasteRedirectUri: `${base}/common/oauth2/nativeclient`,
  };
}
