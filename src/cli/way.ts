/** Which way to sign in was asked for, and whether the provider knows it; ready to begin once the client is known. */
import type { OAuthClient } from '../accounts/account.js';
import type { Clock } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import type { SignedIn } from '../oauth/login.js';
import type { Provider } from '../providers/index.js';
import { signInByBrowser, signInByDevice } from './sign-in.js';
import type { Ui } from './ui.js';

export type Way = (
  login: { client: OAuthClient; scope: string | undefined; clock: Clock },
  ui: Ui,
  signal: AbortSignal,
) => Promise<SignedIn>;

export interface WayFlags {
  readonly useDeviceFlow?: boolean;
  /** The provider's own page shows the answer. */
  readonly useNativeClient?: boolean;
  readonly localListenPort?: number;
}

/** Throws AppError usage or account-incomplete when the provider does not know the way that was asked for. */
export function chooseWay(provider: Provider, options: WayFlags): Way {
  if (options.useDeviceFlow) {
    if (!provider.deviceFlowAllowsMail)
      throw new AppError('usage', `${provider.title} does not allow mail with the device flow`, {
        hint: 'leave --use-device-flow out; the browser may be on another machine',
      });
    const deviceAuthorizationEndpoint = requireEndpoint(provider, 'deviceAuthorizationEndpoint');
    return (login, ui, signal) => signInByDevice({ ...login, deviceAuthorizationEndpoint }, ui, signal);
  }
  const authorizationEndpoint = requireEndpoint(provider, 'authorizationEndpoint');
  const { authorizationParameters, deviceAuthorizationEndpoint, deviceFlowAllowsMail } = provider;
  const { loopbackRedirectHost: redirectHost, pasteRedirectUri } = provider;
  if (options.useNativeClient && pasteRedirectUri === undefined)
    throw new AppError('usage', `${provider.title} has no page that shows the answer`, {
      hint: 'leave --use-native-client out; the address of the failed page can be pasted all the same',
    });
  const details = {
    authorizationEndpoint,
    authorizationParameters,
    listenPort: options.localListenPort,
    redirectHost,
    ...(options.useNativeClient && { pasteRedirectUri }),
    deviceFlow: deviceFlowAllowsMail && deviceAuthorizationEndpoint !== undefined,
  };
  return (login, ui, signal) => signInByBrowser({ ...login, ...details }, ui, signal);
}

const endpointKeys = {
  authorizationEndpoint: 'authorization_endpoint',
  deviceAuthorizationEndpoint: 'device_authorization_endpoint',
} as const;

function requireEndpoint(provider: Provider, which: keyof typeof endpointKeys): URL {
  const value = provider[which];
  if (value !== undefined) return new URL(value);
  const key = endpointKeys[which];
  throw new AppError('account-incomplete', `provider ${provider.name} has no ${key}`, {
    hint: `add providers.${provider.name}.${key} to the configuration`,
  });
}
