/** Fastmail. Source: www.fastmail.com/dev (OAuth, protocol scopes); a client is registered by writing to them. */
import { type Provider, unknownProvider } from './provider.js';

export const fastmail: Provider = {
  ...unknownProvider,
  name: 'fastmail',
  title: 'Fastmail',
  authorizationEndpoint: 'https://api.fastmail.com/oauth/authorize',
  tokenEndpoint: 'https://api.fastmail.com/oauth/refresh',
  recognisedBy: (endpoint) => endpoint.origin === 'https://api.fastmail.com',
  scope: 'https://www.fastmail.com/dev/protocol-smtp offline_access',
  smtp: { host: 'smtp.fastmail.com', port: 587, tls: 'starttls' },
};
