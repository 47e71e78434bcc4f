/**
 * What the access token says of itself, where it is a JWT that can be read: whom it is for, what it allows, which
 * tenant gave it, until when. Many are opaque, Google's and those of personal Microsoft accounts among them. Nothing
 * is verified: whoever has the token file could write anything there.
 * Sources: learn.microsoft.com/entra/identity-platform/access-token-claims-reference; RFC 9068, 2.2 and 2.2.3.
 */
import type { Account } from '../../accounts/account.js';
import { formatDuration } from '../../core/duration.js';
import type { StoredToken } from '../../tokens/token.js';
import { type AccountCheck, fail, pass, skip, usable, type Verdict } from './check.js';

const description = {
  name: 'claims',
  looksAt:
    'What an access token that is a JWT says of itself: for whom it is (aud), what it allows (scp, roles, scope), of which tenant (tid), until when (exp). Before the refresh, and after it where that brings something wrong.',
  mendedBy: 'The scope and the tenant that are asked for; then `mailbearer get-token` again.',
};

export const claimsCheck: AccountCheck = {
  ...description,
  needs: ['account'],
  run: async (patient) => [
    judgeToken(await usable(patient).store.read(), patient.account, patient.machine.clock.now()),
  ],
};

/** Says something only when the refresh has brought what was not there before, and it is wrong. */
export const newClaimsCheck: AccountCheck = {
  ...description,
  needs: ['account', 'refresh'],
  async run(patient) {
    const { account, machine } = patient;
    const { store, stored } = usable(patient);
    const now = machine.clock.now();
    const verdict = judgeToken(await store.read(), account, now);
    const before = judgeToken(stored, account, now);
    return verdict.outcome === 'fail' && before.outcome !== 'fail' ? [verdict] : [];
  },
};

export function judgeToken({ accessToken, expiresAt }: StoredToken, account: Account, now: number): Verdict {
  if (accessToken === undefined) return skip('there is no access token yet');
  const claims = readClaims(accessToken.reveal());
  if (claims === undefined) return skip('the token is opaque: only the server can read it');
  return judgeClaims(claims, account, { now, expiresAt });
}

type Claims = Readonly<Record<string, unknown>>;

/** Undefined for what is no JWT. */
export function readClaims(token: string): Claims | undefined {
  const [, payload, ...rest] = token.split('.');
  if (payload === undefined || rest.length !== 1) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}

/** Microsoft's words for sending by SMTP, delegated and as an application. */
const mailRights = ['SMTP.Send', 'SMTP.SendAsApp'];
/** Exchange Online in all clouds, by name and by number. */
const exchange =
  /^https:\/\/(outlook\.office(365)?\.(com|us)|outlook-dod\.office365\.us|partner\.outlook\.cn|outlook\.com)\/?$|^00000002-0000-0ff1-ce00-000000000000$/i;
const microsoftIssuer = /^https:\/\/(sts\.(windows|chinacloudapi)|login\.(partner\.)?microsoftonline)\./i;
/** Microsoft's own services: by number, or by host. */
const microsoftResource =
  /^[0-9a-f]{8}-0000-0[0-9a-f]{3}-[0-9a-f]{4}-000000000000$|^https:\/\/([\w-]+\.)*(microsoft|azure|windows|office|office365|outlook|sharepoint|chinacloudapi)\.(com|net|us|cn)\b/i;
/** Scopes that say who somebody is, and allow nothing. */
const identityScopes = new Set(['openid', 'offline_access', 'email', 'profile', 'address', 'phone']);

interface Times {
  readonly now: number;
  /** By the token file. Both milliseconds since the epoch. */
  readonly expiresAt: number;
}

export function judgeClaims(
  claims: Claims,
  { client, grant, provider }: Pick<Account, 'client' | 'grant' | 'provider'>,
  { expiresAt, now }: Times,
): Verdict {
  const audience = wordsOf(claims['aud']);
  const scopes = wordsOf(claims['scp'] ?? claims['scope']);
  const rights = [...scopes, ...wordsOf(claims['roles'])];
  const tenant = textOf(claims['tid']);
  const ends = typeof claims['exp'] === 'number' ? claims['exp'] * 1000 : undefined;
  const facts = [
    audience.length === 0 ? 'for nobody by name' : `for ${audience.join(', ')}`,
    `with ${rights.join(' ') || 'no rights by name'}`,
    ...(tenant === undefined ? [] : [`tenant ${tenant}`]),
    ...(ends === undefined ? [] : [endOf(ends, now)]),
  ].join(', ');

  if (ends !== undefined && ends <= now && expiresAt > now)
    return fail(
      `it is ${facts}, though the token file says that it lives on: the server refuses it`,
      'mailbearer refresh, and set the clock: timedatectl set-ntp true',
    );

  const isExchange = audience.some((word) => exchange.test(word));
  const isMicrosoft =
    provider.tenantOf !== undefined ||
    microsoftIssuer.test(textOf(claims['iss']) ?? '') ||
    audience.some((word) => microsoftResource.test(word));
  if (isMicrosoft && !isExchange)
    return fail(
      `it is ${facts}: that is not Exchange`,
      'ask for the scope https://outlook.office.com/SMTP.Send and nothing of another service, and sign in again',
    );
  const endpointTenant = provider.tenantOf?.(client.tokenEndpoint);
  if (tenant !== undefined && isNumber(endpointTenant) && !sameWord(endpointTenant, tenant))
    return fail(
      `it is ${facts}, and token_endpoint names the tenant ${endpointTenant}`,
      'sign in again with --tenant, or correct token_endpoint',
    );
  const app = textOf(claims['appid'] ?? claims['azp']);
  if (app !== undefined && client.clientId !== '' && !sameWord(app, client.clientId))
    return fail(
      `it was given to another client, ${app}`,
      'sign in again with the client of the configuration',
    );

  if (isExchange) {
    if (rights.some((right) => mailRights.includes(right))) return pass(`it is ${facts}`);
    if (scopes.length === 0)
      return pass(
        `it is ${facts}`,
        'without the role SMTP.SendAsApp it may send only where New-ManagementRoleAssignment allows it',
      );
    return fail(
      `it is ${facts}, which is not enough to send`,
      'add SMTP.Send (or, for an application, SMTP.SendAsApp) to the app registration and sign in again',
    );
  }
  // A server that grants what was asked for need not say so (RFC 6749, 3.3).
  const asked = wordsOf('scope' in grant && grant.scope !== undefined ? grant.scope : provider.scope);
  const lacking =
    scopes.length === 0 ? [] : asked.filter((word) => !identityScopes.has(word) && !scopes.includes(word));
  if (lacking.length > 0)
    return fail(
      `it is ${facts}, and lacks ${lacking.join(' ')}, which "scope" asks for`,
      'let the provider grant that scope to the client, and sign in again',
    );
  if (scopes.length > 0 && scopes.every((word) => identityScopes.has(word)))
    return pass(
      `it is ${facts}`,
      'it only says who somebody is: if the server refuses it, set "scope" to that for mail',
    );
  return pass(`it is ${facts}`);
}

function endOf(ends: number, now: number): string {
  return ends > now
    ? `living for ${formatDuration((ends - now) / 1000)}`
    : `ended ${formatDuration((now - ends) / 1000)} ago`;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** An id, and not a domain or a word such as common. */
function isNumber(tenant: string | undefined): tenant is string {
  return /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(tenant ?? '');
}

function sameWord(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** Of a list, or of a string that separates them by spaces. */
function wordsOf(value: unknown): readonly string[] {
  const words: readonly unknown[] = Array.isArray(value)
    ? value
    : typeof value === 'string'
      ? value.split(' ')
      : [];
  return words.filter((word) => typeof word === 'string' && word !== '') as string[];
}
