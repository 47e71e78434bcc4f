/**
 * A new sign-in for an account of a running daemon, by somebody with a browser: what can go wrong is found before they
 * are sent to the provider, who signed in is compared with the mailbox, and the tokens are written as `get-token` writes
 * them. Until all of that is well the token file, or the row of the database, stays as it is.
 */
import { basename } from 'node:path';
import { type Account, canSubmit, clientOf } from '../accounts/account.js';
import { checkMailbox } from '../accounts/check-mailbox.js';
import { isAddress } from '../config/values.js';
import { AppError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { consentScope, providerForSignIn, whoSignedIn } from '../oauth/consent.js';
import { type CodeLogin, prepareCodeLogin } from '../oauth/login-code.js';
import type { SignedIn } from '../oauth/login.js';
import type { Provider } from '../providers/index.js';
import { createFileStore } from '../tokens/file-store.js';
import { formatExpiry, type TokenFields } from '../tokens/format.js';
import { openKeyring } from '../tokens/keyring-store.js';
import type { LockOptions } from '../tokens/lock.js';
import { checkTokenFileWritable, createTokenFile } from '../tokens/new-file.js';
import type { AccountDatabase } from '../tokens/postgres/accounts.js';
import { signInCommand } from './failure.js';

export interface AccountSignIn extends Pick<CodeLogin, 'authorizationUrl' | 'state' | 'read'> {
  /** The mailbox that is expected to sign in, or the account's name. */
  readonly mailbox: string;
  /** Takes what `read` gave, once. The tokens are on disk when it resolves; when it throws AppError, nothing has changed. */
  finish(answer: Exclude<ReturnType<CodeLogin['read']>, string>): Promise<SignedIn>;
}

export interface AccountSignInOptions extends LockOptions {
  /** The account as it is in service when the answer comes. */
  readonly current: () => Account | undefined;
  /** Where the accounts are; undefined: in files. */
  readonly database: AccountDatabase | undefined;
}

/** Throws AppError token-unwritable, token-unreadable, keyring-unavailable, store-unavailable, account-incomplete, config-invalid, or as loginError. */
export async function beginAccountSignIn(
  account: Account,
  redirectUri: string,
  options: AccountSignInOptions,
): Promise<AccountSignIn> {
  const { clock } = options;
  const { name, tokenStore } = account;
  const write = await openPlace(account, options);
  const secret = tokenStore === 'keyring' ? await secretOf(account, options) : undefined;
  const client = clientOf(account, { clientSecret: secret });
  const provider = await providerForSignIn(account, { clock });
  const mailbox = canSubmit(account) ? account.submission.user : name;
  const login = await prepareCodeLogin({
    client,
    clock,
    scope: consentScope(provider, undefined),
    authorizationEndpoint: new URL(provider.authorizationEndpoint),
    authorizationParameters: {
      // A browser is signed in already, often as somebody else (OpenID Connect Core, 3.1.2.1).
      ...(isAddress(mailbox) && { login_hint: mailbox }),
      ...provider.authorizationParameters,
    },
    redirectUri,
  });
  const { authorizationUrl, state } = login;
  return {
    authorizationUrl,
    state,
    mailbox,
    read: (parameters) => login.read(parameters),
    async finish(answer) {
      const askedAt = clock.now();
      const signedIn = await login.redeem(answer);
      checkWho(await whoSignedIn(signedIn, provider, client, { clock }), mailbox, account, provider);
      if (!isSame(account, options.current())) throw changedMeanwhile(account);
      await write(fieldsOf(signedIn, askedAt, secret));
      return signedIn;
    },
  };
}

/** Where the tokens go, which can be written now. */
async function openPlace(
  { tokenFile, tokenStore }: Account,
  options: AccountSignInOptions,
): Promise<(fields: TokenFields) => Promise<unknown>> {
  const { database } = options;
  if (database !== undefined) {
    const row = basename(tokenFile);
    await database.rowToSignIn(row);
    return (fields) => database.signIn(row, fields, true);
  }
  const writing = { ...options, overwrite: true, keyring: tokenStore === 'keyring' };
  await checkTokenFileWritable(tokenFile, writing);
  return (fields) => createTokenFile(tokenFile, fields, writing);
}

/** The client's own secret, which the file may still have, or the keyring; undefined where the configuration's counts. */
async function secretOf(
  { tokenFile: path }: Account,
  options: AccountSignInOptions,
): Promise<Secret | undefined> {
  const { clientSecret: kept } = await openKeyring(path, options.clock);
  const stored = await createFileStore({ ...options, path })
    .read()
    .catch(() => undefined);
  return stored?.overrides.clientSecret ?? kept;
}

function checkWho(addresses: readonly string[], mailbox: string, account: Account, provider: Provider): void {
  checkMailbox(addresses, {
    wanted: mailbox,
    lent: false,
    accordingTo: 'the mailbox of the account is',
    provider,
    command: signInCommand(account),
  });
}

/** What the file says of the client stays. */
function fieldsOf(
  { accessToken, expiresInSeconds, refreshToken }: SignedIn,
  askedAt: number,
  clientSecret: Secret | undefined,
): TokenFields {
  return {
    access_token: accessToken,
    refresh_token: refreshToken,
    expiry: formatExpiry(askedAt + expiresInSeconds * 1000),
    // In the keyring it stands beside the token, and both are replaced.
    ...(clientSecret !== undefined && { client_secret: clientSecret }),
  };
}

/** Tokens of one client are nothing to another, and a file is no longer to be written that another has taken over. */
function isSame(then: Account, now: Account | undefined): boolean {
  const keys = ({ client, tokenFile, tokenStore }: Account) =>
    [client.clientId, client.tokenEndpoint.href, tokenFile, tokenStore].join(' ');
  return now !== undefined && keys(then) === keys(now);
}

function changedMeanwhile({ name }: Account): AppError {
  return new AppError(
    'login-denied',
    `account ${name} was changed while somebody signed in: nothing was written`,
    {
      hint: 'go back to the page, and authorize again',
    },
  );
}
