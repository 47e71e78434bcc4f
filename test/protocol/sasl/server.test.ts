import { describe, expect, it } from 'vitest';
import { longestResponseOctets, SaslExchange, type ServerStep } from '../../../src/protocol/sasl/server.js';
import { oauthbearer } from '../../../src/protocol/sasl/oauthbearer.js';
import { xoauth2 } from '../../../src/protocol/sasl/xoauth2.js';
import { Secret } from '../../../src/core/secret.js';

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function begin(mechanism: string, message?: string): ServerStep {
  return SaslExchange.of(mechanism)!.begin(message === undefined ? undefined : encode(message));
}

/** What is checked, with the secret in clear; or the kind of the last step. */
function proofOf(step: ServerStep): unknown {
  if (step.kind !== 'check') return step.kind;
  const { proof } = step;
  return [proof.user, (proof.kind === 'password' ? proof.password : proof.token).reveal()];
}

describe("the server's side of an AUTH exchange", () => {
  it('knows its mechanisms in whatever case they are named', () => {
    expect(SaslExchange.of('plain')).toBeDefined();
    expect(SaslExchange.of('CRAM-MD5')).toBeUndefined();
  });

  it('asks with the prompts that printers compare to the letter', () => {
    const exchange = SaslExchange.of('LOGIN')!;
    expect(exchange.begin(undefined)).toEqual({ kind: 'challenge', base64: 'VXNlcm5hbWU6' });
    expect(exchange.respond(encode('scan'))).toEqual({ kind: 'challenge', base64: 'UGFzc3dvcmQ6' });
    expect(proofOf(exchange.respond(encode('geheim')))).toEqual(['scan', 'geheim']);
  });

  it('takes the name of LOGIN with the command', () => {
    const exchange = SaslExchange.of('LOGIN')!;
    expect(exchange.begin(encode('scan'))).toEqual({ kind: 'challenge', base64: 'UGFzc3dvcmQ6' });
    expect(proofOf(exchange.respond(encode('geheim')))).toEqual(['scan', 'geheim']);
  });

  it('asks with an empty challenge where the client waits (RFC 4954, 4)', () => {
    for (const mechanism of ['PLAIN', 'XOAUTH2', 'OAUTHBEARER'])
      expect(begin(mechanism)).toEqual({ kind: 'challenge', base64: '' });
  });

  it('accepts the examples of the providers to the letter', () => {
    const xoauth2Example = 'dXNlcj11c2VyQGV4YW1wbGUuY29tAWF1dGg9QmVhcmVyIDEyMzQ1Njc4OTABAQ==';
    const oauthbearerExample =
      'bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9bG9jYWxob3N0AXBvcnQ9MTQzAWF1dGg9QmVhcmVyIDEyMzQ1Njc4OTABAQ==';
    const expected = ['user@example.com', '1234567890'];
    expect(proofOf(SaslExchange.of('XOAUTH2')!.begin(xoauth2Example))).toEqual(expected);
    expect(proofOf(SaslExchange.of('OAUTHBEARER')!.begin(oauthbearerExample))).toEqual(expected);
  });

  it('understands what our own client says, names with commas and equals signs too', () => {
    const credentials = { user: 'a=b,c@x', token: new Secret('ya29.x-_~+/=='), host: 'h', port: 587 };
    for (const client of [xoauth2, oauthbearer])
      expect(proofOf(SaslExchange.of(client.keyword)!.begin(client.response(credentials)))).toEqual([
        'a=b,c@x',
        'ya29.x-_~+/==',
      ]);
  });

  it('leaves the name to the token where OAUTHBEARER has none', () => {
    expect(proofOf(begin('OAUTHBEARER', 'n,,\x01auth=bearer tok\x01\x01'))).toEqual([undefined, 'tok']);
    expect(proofOf(begin('OAUTHBEARER', 'n,a=u,\x01auth=\x01\x01'))).toEqual(['u', '']);
  });

  it.each([
    ['PLAIN', 'a', 'malformed'],
    ['PLAIN', '\0a', 'malformed'],
    ['PLAIN', '\0a\0b\0c', 'malformed'],
    ['PLAIN', '\0\0password', 'refused'],
    ['PLAIN', '\0a\nb\0password', 'refused'],
    ['PLAIN', '\0a\x9fb\0password', 'refused'],
    ['PLAIN', 'boss\0a\0password', 'refused'],
    ['XOAUTH2', '', 'malformed'],
    ['XOAUTH2', 'user=a\x01auth=Bearer tok\x01', 'malformed'],
    ['XOAUTH2', 'user=a\x01auth=\x01\x01', 'malformed'],
    ['XOAUTH2', 'user=a\x01auth=Basic tok\x01\x01', 'malformed'],
    ['XOAUTH2', 'user=a\x01auth=Bearer t k\x01\x01', 'malformed'],
    ['XOAUTH2', 'user=a\0b\x01auth=Bearer tok\x01\x01', 'refused'],
    ['OAUTHBEARER', 'n,a=x=41,\x01auth=Bearer tok\x01\x01', 'malformed'],
    ['OAUTHBEARER', 'p=tls-unique,,\x01auth=Bearer tok\x01\x01', 'malformed'],
    ['OAUTHBEARER', 'auth=Bearer tok\x01\x01', 'malformed'],
  ])('does not check %s of %j, which is %s', (mechanism, message, kind) => {
    expect(begin(mechanism, message).kind).toBe(kind);
  });

  it('reads a name twice as one, and an empty response as what it is', () => {
    expect(proofOf(begin('PLAIN', 'a\0a\0b'))).toEqual(['a', 'b']);
    expect(SaslExchange.of('PLAIN')!.begin('=').kind).toBe('malformed');
    expect(SaslExchange.of('LOGIN')!.begin('=')).toEqual({ kind: 'challenge', base64: 'UGFzc3dvcmQ6' });
  });

  it.each(['no base64', 'YQ', 'YQ=', 'Y===', '=YQ=', 'YQ==YQ==', '\xe4\xe4\xe4\xe4', 'YQ__'])(
    'calls %j undecodable',
    (line) => {
      expect(SaslExchange.of('PLAIN')!.begin(line).kind).toBe('undecodable');
    },
  );

  it('refuses what is no UTF-8', () => {
    expect(SaslExchange.of('PLAIN')!.begin(Buffer.from([0, 0xff, 0, 0x61]).toString('base64')).kind).toBe(
      'refused',
    );
  });

  it('ends when the client sends a star, at any moment', () => {
    for (const mechanism of ['PLAIN', 'LOGIN', 'XOAUTH2', 'OAUTHBEARER']) {
      const exchange = SaslExchange.of(mechanism)!;
      exchange.begin(undefined);
      expect(exchange.respond('*').kind).toBe('cancelled');
    }
  });

  it.each(['AQ==', '', 'anything at all'])(
    'awaits the dummy answer, be it %j, before the last word',
    (dummy) => {
      const exchange = SaslExchange.of('XOAUTH2')!;
      exchange.begin(encode('user=a\x01auth=Bearer tok\x01\x01'));
      expect(exchange.refused('{"status":"401"}')).toEqual({
        kind: 'challenge',
        base64: encode('{"status":"401"}'),
      });
      expect(exchange.respond(dummy).kind).toBe('refused');
    },
  );

  it('takes the longest token that RFC 4954 lets through', () => {
    const token = 'x'.repeat(longestResponseOctets * 0.75 - 25);
    const response = encode(`user=a@b.c\x01auth=Bearer ${token}\x01\x01`);
    expect(response.length).toBe(longestResponseOctets);
    expect(proofOf(SaslExchange.of('XOAUTH2')!.begin(response))).toEqual(['a@b.c', token]);
  });

  it('shows no secret when it is printed', () => {
    expect(JSON.stringify(begin('PLAIN', '\0a\0geheim'))).not.toContain('geheim');
  });
});
