/**
 * Any OpenID provider: Authentik, Keycloak, Dex, Zitadel and others say where their endpoints are (OpenID Connect
 * Discovery 1.0), given the issuer. The SMTP server is one's own.
 */
import { type Provider, unknownProvider } from './provider.js';

export const oidc: Provider = {
  ...unknownProvider,
  name: 'oidc',
  title: 'OpenID Connect',
  needsIssuer: true,
  scope: 'offline_access',
  identityScope: 'openid email profile',
  // Without consent asked for anew, offline_access is dropped (OpenID Connect Core, 11).
  authorizationParameters: { prompt: 'consent' },
};
