/**
 * A daemon whose account signs in at a real OpenID provider, where alice and bob have mailboxes; and the steps of a
 * person there, one by one, as a browser takes them.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type OpenIdProvider,
  type OpenIdProviderOptions,
  signIn,
  startOpenIdProvider,
} from '../../examples/demo/openid-provider.js';
import type { AccountSnapshot, Snapshot } from '../../src/status/snapshot.js';
import { afterwards } from '../relay/scene.js';
import { ask, cookieOf, type DaemonOptions, keyOf, type Page, type Shown, shownDaemon } from './daemon.js';

export const alice = 'alice@example.test';
export const bob = 'bob@example.test';

export interface SignInScene extends Shown {
  readonly provider: OpenIdProvider;
  readonly tokenFile: string;
}

/**
 * With the account of alice, whose sign-in has ended.
 *
 * @param preset by whose ways it signs in; `gmail` comes back to 127.0.0.1, `outlook` to localhost, and of `corp` only
 * the issuer is known
 */
export async function signInScene(
  preset: 'gmail' | 'outlook' | 'corp' = 'gmail',
  options: DaemonOptions & { readonly provider?: OpenIdProviderOptions } = {},
): Promise<SignInScene> {
  const accounts = [alice, bob].map((email) => ({ sub: email, email }));
  const provider = await startOpenIdProvider({ accounts, ...options.provider });
  afterwards(() => provider.close());
  const { authorizationEndpoint, issuer, tokenEndpoint } = provider;
  const endpoints =
    preset === 'corp'
      ? { issuer }
      : { authorization_endpoint: authorizationEndpoint, token_endpoint: tokenEndpoint };
  const shown = await shownDaemon({
    lifeSeconds: -1,
    login: alice,
    ...options,
    account: { provider: preset, ...options.account },
    configuration: {
      client_id: provider.clientId,
      token_endpoint: undefined,
      providers: { [preset]: { ...endpoints, scope: 'openid email offline_access smtp' } },
      ...options.configuration,
    },
  });
  return { ...shown, provider, tokenFile: join(shown.directory, 'tokens', alice) };
}

/** What the page says of alice's account. */
export async function accountOf(scene: Shown): Promise<AccountSnapshot> {
  const { body } = await ask(scene.where, '/status.json', { headers: await keyOf(scene) });
  const account = (JSON.parse(body) as Snapshot).accounts.find((one) => one.account === alice);
  if (account === undefined) throw new Error('the page does not know the account');
  return account;
}

export async function tokenOf({ tokenFile }: SignInScene): Promise<Record<string, string>> {
  return JSON.parse(await readFile(tokenFile, 'utf8')) as Record<string, string>;
}

/** Sends the form of the page. */
export async function pressAuthorize(
  scene: Pick<Shown, 'directory' | 'where'>,
  headers: Record<string, string> = {},
  form = new URLSearchParams({ account: alice }).toString(),
): Promise<Page> {
  return ask(scene.where, '/authorize', {
    method: 'POST',
    headers: {
      ...(await cookieOf(scene)),
      origin: `http://${scene.where}`,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(form.length),
      ...headers,
    },
    body: form,
  });
}

/** Where a page leads by itself. */
export function nextOf({ body }: Page): string {
  const [, url = ''] = /http-equiv="refresh" content="0; url=([^"]*)"/.exec(body) ?? [];
  return url.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
}

/** The cookie that a page gave, as it is sent back. */
export function cookieIn({ headers }: Page): Record<string, string> {
  return { cookie: String(headers['set-cookie']).split(';')[0]! };
}

/** Signs in at the provider, and gives the path of the answer, which is not asked for yet. */
export async function answerOf(departure: Page, login: string, deny = false): Promise<string> {
  const { url } = await signIn(nextOf(departure), { login, deny, follow: false });
  const { pathname, search } = new URL(url);
  return pathname + search;
}
