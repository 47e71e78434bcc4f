/**
 * The initial responses that Open-Xchange's manual for Dovecot gives as examples (OAuth 2.0, "Examples"), to the letter,
 * with the configuration that it gives beside them.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SaslExchange } from '../../src/protocol/sasl/server.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { checksUnderTest } from './checks-under-test.js';

const user = 'user@example.com';
const token = '1234567890';
const examples = [
  [
    'OAUTHBEARER',
    'bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9bG9jYWxob3N0AXBvcnQ9MTQzAWF1dGg9QmVhcmVyIDEyMzQ1Njc4OTABAQ==',
  ],
  ['XOAUTH2', 'dXNlcj11c2VyQGV4YW1wbGUuY29tAWF1dGg9QmVhcmVyIDEyMzQ1Njc4OTABAQ=='],
] as const;

let server: TokenEndpoint;
beforeEach(async () => {
  server = await startTokenEndpoint();
});
afterEach(() => server.close());

async function signIn(mechanism: string, response: string): Promise<string> {
  const step = SaslExchange.of(mechanism)!.begin(response);
  if (step.kind !== 'check' || step.proof.kind !== 'bearer') return step.kind;
  const checks = checksUnderTest({
    introspection_mode: 'post',
    introspection_url: server.url.href.replace('://', '://usr:pw@'),
    username_attribute: 'username',
    active_attribute: 'active',
    active_value: 'true',
  });
  return checks.token(step.proof.token.reveal(), step.proof.user, step.proof.mechanism);
}

describe.each(examples)('the example of %s', (mechanism, response) => {
  it('signs in', async () => {
    server.script({ body: { active: true, username: user } });
    expect(await signIn(mechanism, response)).toBe(user);
    expect(server.requests[0]!.body).toBe(`token=${token}`);
    expect(server.requests[0]!.headers.authorization).toBe(`Basic ${btoa('usr:pw')}`);
  });

  it('does not once the token is inactive, or was never known', async () => {
    for (const body of [{ active: false, username: user }, { active: false }]) {
      server.script({ body });
      expect(await signIn(mechanism, response)).toMatch(/^refused: \{"status":/);
    }
  });
});
