/**
 * `get-token`: signs an account in and writes its token file, or the same JSON to standard output. What can go
 * wrong beforehand is found before anyone is sent to a browser. The file is enough by itself: it names client
 * and endpoint, and holds the secret unless the configuration does.
 */
import { canSubmit, isBroken, type OAuthClient, problemOf } from '../../accounts/account.js';
import type { Clock } from '../../core/clock.js';
import { AppError, exitStatus } from '../../core/errors.js';
import type { SignedIn } from '../../oauth/login.js';
import type { Cloud, Provider } from '../../providers/index.js';
import { createFileStore } from '../../tokens/file-store.js';
import { findExposures, secretFiles } from '../../tokens/exposure.js';
import { formatExpiry, type TokenFields } from '../../tokens/format.js';
import { completeClient } from '../client-input.js';
import { accountOf, type Context, openContext } from '../context.js';
import { untilInterrupted } from '../interrupt.js';
import { needsNoSignIn, obtainToken } from '../obtain.js';
import { findSignInSettings, type SignInSettings } from '../sign-in-settings.js';
import { signInByBrowser, signInByDevice } from '../sign-in.js';
import { openTokenOutput, type TokenOutput } from '../token-output.js';
import { trySignIn } from '../try-sign-in.js';
import { checkMailbox } from '../check-mailbox.js';
import type { Ui } from '../ui.js';

export interface GetTokenOptions {
  readonly configFile?: string;
  readonly provider: string;
  /** `-` or undefined: standard output. */
  readonly file: string | undefined;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly clientSecretFile?: string;
  readonly scope?: string;
  readonly tenant?: string;
  readonly cloud?: Cloud;
  readonly loginBase?: string;
  /** The provider's own page shows the answer. */
  readonly useNativeClient?: boolean;
  /** Written into the file. */
  readonly user?: string;
  readonly useDeviceFlow?: boolean;
  readonly overwriteExistingToken?: boolean;
  readonly localListenPort?: number;
  /** False: the SMTP server is not asked whether it takes the token. */
  readonly verify?: boolean;
}

/** Resolves to the exit status; throws AppError, or Interrupted. */
export function runGetToken(options: GetTokenOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    const context = await openContext(options.configFile);
    for (const warning of context.warnings) ui.warn(warning);
    const { file, provider } = options;
    if (file !== undefined && file !== '-' && needsNoSignIn(context, file))
      return obtainToken(provider, file, context, ui, signal);
    const overwrite = options.overwriteExistingToken ?? false;
    const output = await openTokenOutput(options.file, { ...context, overwrite }, ui);
    const { existing, path: tokenFile } = output;
    const settings = findSignInSettings(context.config, { ...options, tokenFile, existing });
    const way = chooseWay(settings, options);
    const client = await completeClient(settings, options, process.env, ui, signal);
    const scope = options.scope ?? consentScope(settings.provider);
    const signedIn = await way({ client, scope, clock: context.clock }, ui, signal);
    checkMailbox(signedIn.addresses, { user: options.user, path: output.path }, ui);
    await output.write(tokenFields(settings, client, signedIn, options, context, output));
    return conclude(output, signedIn, { context, ui, signal, verify: options.verify !== false });
  });
}

/** Who signs in is asked once; on refresh it would only bring what is not needed. */
function consentScope({ identityScope, scope }: Provider): string | undefined {
  return scope === undefined || identityScope === undefined ? scope : `${identityScope} ${scope}`;
}

/** The sign-in that was asked for, ready to begin once the client is known. */
type Way = (
  login: { client: OAuthClient; scope: string | undefined; clock: Clock },
  ui: Ui,
  signal: AbortSignal,
) => Promise<SignedIn>;

/** Throws AppError usage or account-incomplete when the provider does not know the way that was asked for. */
function chooseWay({ provider }: SignInSettings, options: GetTokenOptions): Way {
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

function tokenFields(
  { configured }: SignInSettings,
  client: OAuthClient,
  { accessToken, refreshToken, expiresInSeconds }: SignedIn,
  { user }: GetTokenOptions,
  { clock }: Context,
  { existing }: TokenOutput,
): TokenFields {
  const { clientId, clientSecret, tokenEndpoint } = client;
  // Written even when empty: a public client must not inherit a secret that the configuration has for another.
  const secretIsConfigured =
    existing?.clientSecret === undefined && clientSecret.equals(configured.clientSecret);
  return {
    ...(user === undefined ? {} : { user }),
    client_id: clientId,
    ...(secretIsConfigured ? {} : { client_secret: clientSecret }),
    token_endpoint: tokenEndpoint.href,
    access_token: accessToken,
    refresh_token: refreshToken,
    expiry: formatExpiry(clock.now() + expiresInSeconds * 1000),
  };
}

interface Conclusion {
  readonly context: Context;
  readonly ui: Ui;
  readonly signal: AbortSignal;
  readonly verify: boolean;
}

/** Looks at the new file with the eyes of `serve`: what is missing is better said now. Resolves to the exit status. */
async function conclude(
  { path }: TokenOutput,
  { lifetimeKnown }: SignedIn,
  { context, signal, ui, verify }: Conclusion,
): Promise<number> {
  if (!lifetimeKnown) ui.warn('the provider did not say how long the token lives; an hour is assumed');
  if (path === undefined) return exitStatus.ok;
  ui.say(`Signed in. The tokens are in ${path}.`);
  for (const { message, remedy } of await findExposures(secretFiles(context.config, [path]))) {
    ui.warn(message);
    ui.hint(remedy);
  }
  const { accessToken, expiresAt, overrides } = await createFileStore({ ...context, path }).read();
  const account = accountOf(context, path, overrides);
  const problem = problemOf(account);
  let status: number = exitStatus.ok;
  if (problem !== undefined) {
    ui.warn(problem.message);
    if (problem.hint !== undefined) ui.hint(problem.hint);
  } else if (verify && accessToken !== undefined && !isBroken(account) && canSubmit(account)) {
    status = await trySignIn(account, { secret: accessToken, expiresAt }, context.clock, ui, signal);
  }
  ui.say('Next:');
  ui.say(`  mailbearer test-token-refresh ${path}`);
  ui.say('  mailbearer serve');
  return status;
}
