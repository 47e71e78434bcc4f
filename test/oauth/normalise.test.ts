/** Answers as providers send them, and what openid-client gets to see of them. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  normaliseDeviceAuthorization,
  normaliseToken,
  parseAnswer,
  readError,
} from '../../src/oauth/normalise.js';

describe('parseAnswer', () => {
  it('reads an object behind a byte order mark', () => {
    expect(parseAnswer('\uFEFF{"a":1}')).toEqual({ a: 1 });
  });

  it.each(['', 'null', '[]', '"x"', '1', '<html>', '{"a":'])('takes %j for no answer', (body) => {
    expect(parseAnswer(body)).toBeUndefined();
  });
});

describe('normaliseToken', () => {
  const token = { access_token: 'at', token_type: 'Bearer' };

  it.each([
    [3599, 3599],
    ['3599', 3599],
    [' 60 ', 60],
    [59.9, 59],
    ['59.9', 59],
    [1e300, 2_147_483_647],
  ])('reads a lifetime of %j as %j seconds', (expires_in, expected) => {
    expect(normaliseToken({ ...token, expires_in })['expires_in']).toBe(expected);
    const refreshLife = { refresh_token_expires_in: expires_in };
    expect(normaliseToken({ ...token, ...refreshLife })['refresh_token_expires_in']).toBe(expected);
  });

  it.each([undefined, null, 0, -1, '0', '', 'soon', '1e3', true, {}, Number.NaN])(
    'leaves out a lifetime of %j, which says nothing',
    (expires_in) => {
      expect(normaliseToken({ ...token, expires_in })).not.toHaveProperty('expires_in');
    },
  );

  it.each([undefined, null, '', {}])('takes a token type of %j for bearer', (token_type) => {
    expect(normaliseToken({ ...token, token_type })['token_type']).toBe('bearer');
  });

  it.each([undefined, null, '', [], false])('drops a refresh token of %j', (refresh_token) => {
    expect(normaliseToken({ ...token, refresh_token })).not.toHaveProperty('refresh_token');
  });

  it('drops what is not used, the id_token first of all', () => {
    const fields = normaliseToken({ ...token, id_token: 'x.y.z', scope: ['a'], ext_expires_in: '9' });
    expect(fields).toEqual(token);
  });

  it.each(['', 'a\u0001b', 'a\nb', 'ä', 7, null])('drops an access token of %j', (access_token) => {
    expect(normaliseToken({ ...token, access_token })).not.toHaveProperty('access_token');
  });

  it('gives, whatever comes, fields that are absent or of the right type', () => {
    const names = ['access_token', 'token_type', 'expires_in', 'refresh_token', 'id_token', 'scope'];
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.jsonValue()), (answer) => {
        const { access_token, token_type, expires_in, refresh_token, ...rest } = normaliseToken(answer);
        expect(rest).toEqual({});
        expect(typeof token_type).toBe('string');
        for (const field of [access_token, refresh_token]) {
          expect(field === undefined || (typeof field === 'string' && field !== '')).toBe(true);
        }
        expect(expires_in === undefined || (Number.isSafeInteger(expires_in) && Number(expires_in) > 0)).toBe(
          true,
        );
      }),
    );
  });
});

describe('readError', () => {
  it('reads the standard fields', () => {
    expect(readError({ error: 'invalid_grant', error_description: 'gone' })).toEqual({
      error: 'invalid_grant',
      description: 'gone',
    });
  });

  it("reads Google's nested error object", () => {
    const error = { code: 400, message: 'bad key', status: 'INVALID_ARGUMENT' };
    expect(readError({ error })).toEqual({ error: 'INVALID_ARGUMENT', description: 'bad key' });
  });

  it.each([undefined, null, '', []])('takes an error of %j for none', (error) => {
    expect(readError({ error }).error).toBeUndefined();
  });
});

describe('normaliseDeviceAuthorization', () => {
  it("reads Google's verification_url and numbers in strings", () => {
    const fields = normaliseDeviceAuthorization({
      device_code: 'dc',
      user_code: 'ABCD-EFGH',
      verification_url: 'https://example.test/device',
      expires_in: '1800',
      interval: '5',
      message: 'To sign in …',
    });
    expect(fields).toEqual({
      device_code: 'dc',
      user_code: 'ABCD-EFGH',
      verification_uri: 'https://example.test/device',
      expires_in: 1800,
      interval: 5,
    });
  });

  it('drops a code that would do something to the terminal', () => {
    expect(normaliseDeviceAuthorization({ user_code: '\u001B[2J' })).not.toHaveProperty('user_code');
  });
});
