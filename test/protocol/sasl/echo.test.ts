import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutEcho } from '../../../src/protocol/sasl/echo.js';

const token = 'ya29.a0ARW5m75-w_kx9.eyJhbGciOiJSUzI1NiJ9~QQ==';
const response = Buffer.from(`user=a@b\x01auth=Bearer ${token}\x01\x01`).toString('base64');

function clean(line: string): string {
  return withoutEcho({ code: 535, lines: [line] }, [response, token]).lines[0]!;
}

describe('a reply to AUTH', () => {
  it('loses every part of the credential that is long enough to matter', () => {
    const around = fc.constantFrom('', ' ', '"', "'", '...', ': <', '>');
    const part = fc.tuple(fc.constantFrom(token, response), fc.nat(), fc.integer({ min: 12, max: 200 }));
    fc.assert(
      fc.property(around, part, around, (before, [secret, from, length], after) => {
        const start = from % (secret.length - 12);
        const leak = secret.slice(start, start + length);
        expect(clean(`no ${before}${leak}${after} here`)).not.toContain(leak.slice(0, 12));
      }),
    );
  });

  it('loses a credential in base64, such as an error challenge that repeats it', () => {
    const challenge = Buffer.from(JSON.stringify({ status: '401', token })).toString('base64');
    expect(clean(challenge)).toBe('[redacted]');
  });

  it.each([
    '5.7.3 Authentication unsuccessful [AM0PR01CA0123.eurprd01.prod.exchangelabs.com 2026-11-22T08:45:00.000Z]',
    '5.7.8 https://support.google.com/mail/?p=BadCredentials d9443c01a7336-1c3b5f6a7c3sm12345678pld.12 - gsmtp',
    'eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIn0=',
    '',
  ])('keeps what is not ours: %j', (line) => {
    expect(clean(line)).toBe(line);
  });

  it('of a token that is a short word keeps its words', () => {
    const reply = { code: 535, lines: ['5.7.8 Authentication failed'] };
    expect(withoutEcho(reply, ['a', 'Auth'])).toEqual(reply);
  });
});
