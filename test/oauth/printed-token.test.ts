import { describe, expect, it } from 'vitest';
import { readPrintedToken } from '../../src/oauth/printed-token.js';

const now = Date.parse('2026-11-26T12:00:00Z');
const jwt = (exp: number) => `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.x`;
const read = (printed: string | object) => {
  const text = typeof printed === 'string' ? printed : JSON.stringify(printed);
  const found = readPrintedToken(text, now);
  return found && [found.token.reveal(), found.secondsLeft];
};

describe('a printed token', () => {
  it.each([
    ['a line', 'ya29.x', ['ya29.x', undefined]],
    ['a JWT', jwt(now / 1000 + 900), [jwt(now / 1000 + 900), 900]],
    ['what an endpoint answers', { access_token: 'a', expires_in: '100' }, ['a', 100]],
    ['a token file', { access_token: 'a', expiry: String(now / 1000 + 60) }, ['a', 60]],
    ['RFC 3339', { access_token: 'a', expiry: '2026-11-26T13:10:00.123456+01:00' }, ['a', 600]],
    [
      'gcloud config config-helper',
      { configuration: {}, credential: { access_token: 'a', token_expiry: '2026-11-26T12:30:00Z' } },
      ['a', 1800],
    ],
    [
      'oama, whose expires_in is old',
      { access_token: 'a', expires_in: 3599, exp_date: '2026-11-26 12:05 UTC' },
      ['a', 300],
    ],
    [
      'az account get-access-token',
      { accessToken: 'a', expiresOn: '2026-11-26 14:00:00.000000', expires_on: now / 1000 + 3600 },
      ['a', 3600],
    ],
    ['a time without a zone', { access_token: 'a', expiry: '2026-11-26 11:00:00' }, ['a', undefined]],
  ])('is understood: %s', (_, printed, expected) => {
    expect(read(printed)).toEqual(expected);
  });

  it.each([
    ['by its expiry', { access_token: 'a', expiry: now / 1000 - 60, expires_in: 3600 }],
    ['by its date', { access_token: 'a', expiry: '2026-11-26T11:59:00Z' }],
    ['by itself, whatever stands beside it', { access_token: jwt(now / 1000 - 60), expires_in: 3600 }],
  ])('has expired %s', (_, printed) => {
    expect(read(printed)?.[1]).toBe(-60);
  });

  it.each(['', 'two words', '{', '{"token_type":"Bearer"}', '{"access_token":""}', '[]x\n'])(
    'is not seen in %j',
    (printed) => {
      expect(read(printed)).toBeUndefined();
    },
  );
});
