/**
 * What the access token says of itself, where it is a JWT that can be read: whom it is for, what it allows, which
 * tenant gave it. Many are opaque, Google's and those of personal Microsoft accounts among them.
 */
import { toAppError } from '../../core/errors.js';
import { type AccountCheck, fail, failWith, pass, skip } from './check.js';

/** Microsoft's words for sending by SMTP, delegated and as an application. */
const mailRights = ['SMTP.Send', 'SMTP.SendAsApp'];
/** Resources of Exchange Online in all clouds. */
const exchange =
  /^https:\/\/(outlook\.office(365)?\.(com|us)|outlook-dod\.office365\.us|partner\.outlook\.cn)\/?$/;
const graph = /^https:\/\/(graph\.microsoft\.|dod-graph\.)|^00000003-0000-0000-c000-000000000000$/;

export const claimsCheck: AccountCheck = {
  name: 'token',
  async run({ account, found }) {
    try {
      // The refresh before may have written another.
      const { accessToken } = await found.store.read();
      const claims = accessToken && readClaims(accessToken.reveal());
      if (claims === undefined) return skip('it is opaque: only the server can read it');
      return judgeClaims(claims, account.client.clientId);
    } catch (error) {
      return failWith(toAppError(error));
    }
  },
};

type Claims = Readonly<Record<string, unknown>>;

/** Undefined for what is no JWT. Not verified: whoever has the token file could write anything there. */
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

export function judgeClaims(claims: Claims, clientId: string): ReturnType<typeof pass> {
  const audience = wordsOf(claims['aud']).join(', ');
  const rights = [...wordsOf(claims['scp'] ?? claims['scope']), ...wordsOf(claims['roles'])];
  const tenant = typeof claims['tid'] === 'string' ? `, tenant ${claims['tid']}` : '';
  const facts = `for ${audience}, with ${rights.join(' ') || 'no rights'}${tenant}`;
  if (graph.test(audience))
    return fail(
      `it is ${facts}: Microsoft Graph, and not Exchange`,
      'ask for the scope https://outlook.office.com/SMTP.Send, and sign in again',
    );
  if (exchange.test(audience) && !rights.some((right) => mailRights.includes(right)))
    return fail(
      `it is ${facts}, which is not enough to send`,
      'add SMTP.Send (or, for an application, SMTP.SendAsApp) to the app registration and sign in again',
    );
  const app = claims['appid'] ?? claims['azp'];
  if (typeof app === 'string' && clientId !== '' && app !== clientId)
    return fail(
      `it was given to another client, ${app}`,
      'sign in again with the client of the configuration',
    );
  return pass(facts);
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
