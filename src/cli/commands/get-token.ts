/**
 * `get-token`: gets an account its first tokens, by a sign-in or without one, and writes its token file, or the same
 * JSON to standard output. What can go wrong beforehand is found before anyone is sent to a browser. What the file
 * cannot hold is printed for the configuration.
 */
import { basename, isAbsolute } from 'node:path';
import { canSubmit, isBroken, type OAuthClient, problemOf } from '../../accounts/account.js';
import { checkMailbox, mailboxOf } from '../../accounts/check-mailbox.js';
import { AppError, exitStatus } from '../../core/errors.js';
import { Secret } from '../../core/secret.js';
import { consentScope, whoSignedIn } from '../../oauth/consent.js';
import { discover, type Metadata } from '../../oauth/discovery.js';
import { requestGrant } from '../../oauth/grant.js';
import { loginError, type SignedIn } from '../../oauth/login.js';
import type { Cloud } from '../../providers/index.js';
import { outcomeFailure } from '../../refresh/failure.js';
import { noteSignedIn } from '../../refresh/sign-in-memory.js';
import { findExposures, secretFiles } from '../../tokens/exposure.js';
import { formatExpiry, type TokenFields } from '../../tokens/format.js';
import { completeEntry, type Entry, type EntryAnswer, printEntry } from '../account-entry.js';
import { completeClient } from '../client-input.js';
import { accountOf, type Context, openContext } from '../context.js';
import { grantEntry, type GrantFlags, grantOf } from '../grant-flags.js';
import { untilInterrupted } from '../interrupt.js';
import { needsNoSignIn, obtainToken } from '../obtain.js';
import { forOnce } from '../refresh-now.js';
import {
  findSignInSettings,
  issuerToAsk,
  type SignInQuestion,
  type SignInSettings,
} from '../sign-in-settings.js';
import { openTokenOutput, type TokenOutput } from '../token-output.js';
import { trySignIn } from '../try-sign-in.js';
import type { Ui } from '../ui.js';
import { chooseWay, type WayFlags } from '../way.js';

export interface GetTokenOptions extends GrantFlags, WayFlags {
  readonly configFile?: string;
  readonly provider: string;
  /** `-` or undefined: standard output. */
  readonly file: string | undefined;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly clientSecretFile?: string;
  readonly scope?: string;
  readonly issuer?: string;
  readonly tenant?: string;
  readonly cloud?: Cloud;
  readonly loginBase?: string;
  /** `host` or `host:port`. */
  readonly smtp?: string;
  /** Written into the file; `shared:` or `delegated:` before it says that somebody else signs in. */
  readonly user?: string;
  readonly overwriteExistingToken?: boolean;
  /** False: the SMTP server is not asked whether it takes the token. */
  readonly verify?: boolean;
}

/** What a command needs beside its options. */
interface Scene {
  readonly context: Context;
  readonly ui: Ui;
  readonly signal: AbortSignal;
}

/** A grant that nobody signs in for gives no refresh token. */
type Got = Omit<SignedIn, 'refreshToken' | 'addresses'> & { readonly refreshToken?: Secret | undefined };

/** Resolves to the exit status; throws AppError, or Interrupted. */
export function runGetToken(options: GetTokenOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    const context = await openContext(options.configFile);
    for (const warning of context.warnings) ui.warn(warning);
    const { file, provider } = options;
    const grant = grantOf(options);
    const named = file !== undefined && file !== '-';
    if (grant === undefined && named && needsNoSignIn(context, file))
      return obtainToken(provider, file, context, ui, signal);
    if (grant !== undefined && !named)
      throw new AppError('usage', `--grant ${grant} makes an account, and no file is named`, {
        hint: `mailbearer get-token ${provider} /etc/tokens/me@corp.example …`,
      });
    const overwrite = options.overwriteExistingToken ?? false;
    let output = await openTokenOutput(
      file,
      { ...context, database: await context.database(), overwrite },
      ui,
    );
    const scene = { context, ui, signal };
    const question = { ...options, tokenFile: output.path, existing: output.existing };
    let settings = await findSettings(question, scene);
    if (settings.tokenStore === 'keyring' && keepsSecrets(options)) {
      output = await output.withKeyring();
      settings = withSecretOf(settings, output);
    }
    const answer =
      grant === undefined
        ? await signIn(settings, options, output, scene)
        : await getByGrant(grant, settings, options, output, scene);
    await output.write(tokenFields(settings, answer, options, context, output));
    return conclude(settings, answer, options, output, scene);
  });
}

/** A service account, a program and a certificate have nothing for the keyring. */
function keepsSecrets(options: GetTokenOptions): boolean {
  const grant = grantOf(options);
  return grant === undefined || (grant === 'client_credentials' && options.certificateFile === undefined);
}

/** The secret in the keyring is of the client that the file names. */
function withSecretOf(settings: SignInSettings, { existing }: TokenOutput): SignInSettings {
  const { clientSecret } = existing ?? {};
  const isItsOwn = clientSecret !== undefined && existing?.clientId === settings.clientId;
  return isItsOwn ? { ...settings, clientSecret } : settings;
}

/** With what the issuer says, where there is one. */
async function findSettings(question: SignInQuestion, { context, signal }: Scene): Promise<SignInSettings> {
  const { clock, config } = context;
  const ask = issuerToAsk(config, question);
  let discovered: Metadata | undefined;
  if (ask !== undefined) {
    const reply = await discover(ask.issuer, ask.connection, { clock, signal });
    signal.throwIfAborted();
    if (reply.kind === 'refused') throw loginError(reply.outcome, ask.issuer);
    discovered = reply.value;
  }
  return findSignInSettings(config, { ...question, discovered });
}

interface Answer {
  readonly client: Pick<OAuthClient, 'clientId' | 'clientSecret' | 'tokenEndpoint'>;
  readonly got: Got;
  readonly entry: Entry;
  readonly secrets?: Entry;
}

async function signIn(
  settings: SignInSettings,
  options: GetTokenOptions,
  output: TokenOutput,
  { context, ui, signal }: Scene,
): Promise<Answer> {
  const { clock } = context;
  const { provider } = settings;
  const way = chooseWay(provider, options);
  const client = await completeClient(settings, options, process.env, ui, signal);
  const got = await way({ client, scope: consentScope(provider, options.scope), clock }, ui, signal);
  const addresses = await whoSignedIn(got, provider, client, { clock, signal });
  const { lent, user } = mailboxOf(options.user);
  const said = checkMailbox(addresses, {
    wanted: user ?? (output.path === undefined ? undefined : basename(output.path)),
    lent,
    accordingTo: user === undefined ? 'the file is for' : '--user says',
    provider,
  });
  if (said !== undefined) ui.say(said);
  return { client, got, entry: commonEntry(settings, options) };
}

/** Gets the first token as `serve` will get the next ones. */
async function getByGrant(
  grant: NonNullable<ReturnType<typeof grantOf>>,
  settings: SignInSettings,
  options: GetTokenOptions,
  output: TokenOutput,
  { context, ui, signal }: Scene,
): Promise<Answer> {
  const own = await grantEntry(grant, options, process.env, ui, signal);
  const scope = options.scope === undefined ? {} : { scope: options.scope };
  const entry = { ...commonEntry(settings, options), ...scope, ...own.entry };
  const { tokenEndpoint } = settings;
  // A certificate stands for the secret; a service account's key, or a program, for the client.
  const client =
    grant !== 'client_credentials'
      ? { clientId: '', clientSecret: new Secret(''), tokenEndpoint }
      : options.certificateFile === undefined
        ? await completeClient(settings, options, process.env, ui, signal)
        : await completeClient(settings, { clientSecret: '' }, process.env, ui, signal);
  const { user } = mailboxOf(options.user);
  const { provider } = settings;
  const { clientId, clientSecret } = client;
  const ofClient = clientId === '' ? {} : { clientId, clientSecret };
  // A service account's key names its own endpoint, and a program has none.
  const ofEndpoint = grant === 'client_credentials' ? { tokenEndpoint: tokenEndpoint.href } : {};
  const overrides = { ...output.existing, ...ofClient, ...ofEndpoint, user };
  const path = output.path ?? '';
  const complete = completeEntry(context, {
    path,
    overrides,
    provider,
    entry,
    secrets: own.secrets,
  });
  const account = accountOf(complete.context, path, overrides);
  if (isBroken(account)) throw account.problem;
  if (account.grant.kind === 'refresh-token') throw new AppError('internal', `${grant} was not understood`);
  const outcome = await requestGrant(account.client, account.grant, { clock: context.clock, signal });
  signal.throwIfAborted();
  if (outcome.kind !== 'refreshed') throw forOnce(outcomeFailure(account, outcome));
  return { client, got: { ...outcome, refreshToken: undefined }, entry, secrets: own.secrets };
}

/** What the command line said that no token file holds, whatever the grant. */
function commonEntry({ provider }: SignInSettings, { issuer, smtp }: GetTokenOptions): Entry {
  const [, host, port] = /^(.+?)(?::(\d+))?$/.exec(smtp ?? '') ?? [];
  const { mechanism } = provider;
  return {
    ...(issuer !== undefined && { issuer }),
    ...(host !== undefined && { smtp: { host, ...(port !== undefined && { port: Number(port) }) } }),
    ...(issuer !== undefined && mechanism !== undefined && { mechanism }),
  };
}

function tokenFields(
  { configured }: SignInSettings,
  { client, got }: Answer,
  options: GetTokenOptions,
  { clock }: Context,
  { existing }: TokenOutput,
): TokenFields {
  const { user } = mailboxOf(options.user);
  const { clientId, clientSecret, tokenEndpoint } = client;
  const { accessToken, expiresInSeconds, refreshToken } = got;
  // Written even when empty: a public client must not inherit a secret that the configuration has for another.
  const secretIsConfigured =
    existing?.clientSecret === undefined && clientSecret.equals(configured.clientSecret);
  const ofClient = {
    client_id: clientId,
    ...(secretIsConfigured ? {} : { client_secret: clientSecret }),
    token_endpoint: tokenEndpoint.href,
  };
  return {
    ...(user === undefined ? {} : { user }),
    ...(clientId === '' ? {} : ofClient),
    access_token: accessToken,
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    expiry: formatExpiry(clock.now() + expiresInSeconds * 1000),
  };
}

/** Since when there is a sign-in, and until when, where the provider says so: later nobody would know. */
async function remember(
  name: string,
  { refreshToken, refreshTokenExpiresInSeconds: life }: Got,
  { clock, memory }: Context,
): Promise<void> {
  if (refreshToken === undefined) return;
  const state = await memory();
  const now = clock.now();
  noteSignedIn(state, name, refreshToken, now, life === undefined ? undefined : now + life * 1000);
  await state.flush();
}

/** Looks at the new file with the eyes of `serve`: what is missing is better said now. Resolves to the exit status. */
async function conclude(
  { provider }: SignInSettings,
  { entry, got, secrets = {} }: Answer,
  { verify = true }: GetTokenOptions,
  output: TokenOutput,
  { context: before, signal, ui }: Scene,
): Promise<number> {
  const { inKeyring, path } = output;
  if (!got.lifetimeKnown) ui.warn('the provider did not say how long the token lives; an hour is assumed');
  if (path === undefined) return exitStatus.ok;
  const what =
    got.refreshToken === undefined ? 'No sign-in is needed. The token is' : 'Signed in. The tokens are';
  ui.say(`${what} in ${path}${inKeyring ? ', but secrets are in the keyring' : ''}.`);
  const { accessToken, expiresAt, overrides } = await output.read();
  const complete: EntryAnswer = completeEntry(before, {
    path,
    overrides,
    provider,
    entry,
    secrets,
  });
  const { context } = complete;
  for (const { message, remedy } of await findExposures(secretFiles(context.config, [path]))) {
    ui.warn(message);
    ui.hint(remedy);
  }
  const account = accountOf(context, path, overrides);
  await remember(account.name, got, context);
  const problem = problemOf(account);
  let status: number = exitStatus.ok;
  if (problem !== undefined) {
    ui.warn(problem.message);
    if (problem.hint !== undefined) ui.hint(problem.hint);
  } else if (verify && accessToken !== undefined && !isBroken(account) && canSubmit(account)) {
    status = await trySignIn(account, { secret: accessToken, expiresAt }, context.clock, ui, signal);
  }
  await printEntry(complete, ui);
  ui.say('Next:');
  // Of a database, the file is not what anybody reads.
  const isLeft = context.config.postgres !== undefined && isAbsolute(path);
  ui.say(isLeft ? `  mailbearer store import ${path}` : `  mailbearer test-token-refresh ${path}`);
  ui.say('  mailbearer serve');
  return status;
}
