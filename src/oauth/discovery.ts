/**
 * Where the endpoints of an OpenID provider are, asked of its issuer over openid-client and http.ts. Who has an endpoint
 * already asks nobody.
 */
import * as oidc from 'openid-client';
import type { OAuthClient } from '../accounts/account.js';
import { parseEndpoint } from '../config/values.js';
import { systemClock } from '../core/clock.js';
import { classify, readable } from './classify.js';
import { exchange, refusalIn } from './exchange.js';
import type { HttpOptions, HttpSettings } from './http.js';
import { normaliseDiscovery } from './normalise.js';
import type { Refused } from './outcome.js';

/** What an OpenID provider says of itself, by the names of OpenID Connect Discovery 1.0, section 3. */
export type Metadata = Readonly<Record<string, unknown>>;

/** OpenID Connect Discovery 1.0, section 4. Never rejects for what the network or the server does. */
export async function discover(
  issuer: URL,
  settings: HttpSettings,
  options: HttpOptions = {},
): Promise<{ readonly kind: 'answered'; readonly value: Metadata } | Refused> {
  let named: unknown;
  const look: oidc.CustomFetch = async (url, { headers }) => {
    const said = await exchange(new URL(url), headers, undefined, settings, normaliseDiscovery, options);
    ({ issuer: named } = said);
    return Response.json(said);
  };
  try {
    const config = await oidc.discovery(issuer, 'none', undefined, oidc.None(), {
      execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
      [oidc.customFetch]: look,
    });
    return { kind: 'answered', value: config.serverMetadata() };
  } catch (thrown) {
    const now = (options.clock ?? systemClock).now();
    const outcome = classify(refusalIn(thrown), { now, secrets: [] });
    // What came was no description of this issuer, or of none.
    if (typeof named === 'string' && !isSame(issuer, named))
      return unfit(
        `${issuer.href} calls itself ${readable(named, [])}`,
        'name the issuer as it calls itself',
      );
    if (outcome.kind === 'transient' && refusalIn(thrown).kind === 'no-answer')
      return { kind: 'refused', error: undefined, outcome };
    return unfit(`${issuer.href} is no OpenID provider: ${outcome.reason}`, 'check the issuer');
  }
}

function isSame(issuer: URL, named: string): boolean {
  return URL.canParse(named) && new URL(named).href === issuer.href;
}

function unfit(reason: string, advice: string): Refused {
  return { kind: 'refused', error: undefined, outcome: { kind: 'misconfigured', reason, advice } };
}

/** Asked once for each client. */
const located = new WeakMap<OAuthClient, OAuthClient>();

/** The client with its token endpoint, which only its issuer may know yet. */
export async function locate(client: OAuthClient, options: HttpOptions): Promise<OAuthClient | Refused> {
  const { issuer } = client;
  const known = issuer === undefined ? client : located.get(client);
  if (issuer === undefined || known !== undefined) return known ?? client;
  const reply = await discover(issuer, client, options);
  if (reply.kind === 'refused') return reply;
  const endpoint = parseEndpoint(String(reply.value['token_endpoint']));
  if ('problem' in endpoint) return unfit(`${issuer.href} names no token endpoint`, 'set token_endpoint');
  const found = { ...client, issuer: undefined, tokenEndpoint: endpoint.value };
  located.set(client, found);
  return found;
}
