/** What a failure means, and that its words explain it (defect 13) without giving anything away (defect 5). */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { adviceFor } from '../../src/oauth/advice.js';
import { classify, parseRetryAfter, readable, type Refusal } from '../../src/oauth/classify.js';
import { HttpTimeoutError } from '../../src/oauth/http.js';

const now = Date.UTC(2026, 10, 22, 12, 0, 0);
const context = { now, secrets: [] };

type Answer = Extract<Refusal, { kind: 'answer' }>;

function answer(status: number, error?: string, description?: string, more: Partial<Answer> = {}): Refusal {
  return { kind: 'answer', status, error, description, retryAfter: undefined, location: undefined, ...more };
}

describe('an answer without a token', () => {
  it.each([
    [answer(408)],
    [answer(429, 'invalid_request')],
    [answer(500)],
    [answer(503, 'invalid_grant', 'backend down')],
    [answer(200, undefined, 'the body is no JSON object')],
    [answer(400)],
    [answer(403, undefined, 'the body is no JSON object')],
    [answer(400, 'temporarily_unavailable')],
    [answer(400, 'slow_down')],
    [answer(400, 'server_error')],
  ])('is transient: %j', (refusal) => {
    expect(classify(refusal, context).kind).toBe('transient');
  });

  it.each(['invalid_grant', 'interaction_required', 'login_required', 'consent_required', 'access_denied'])(
    'needs a person: %s',
    (error) => {
      const outcome = classify(answer(400, error), context);
      expect(outcome).toMatchObject({
        kind: 'needs-person',
        advice: expect.stringContaining('sign in again'),
      });
    },
  );

  it.each([
    [answer(401, 'invalid_client')],
    [answer(400, 'unauthorized_client')],
    [answer(400, 'invalid_scope')],
    [answer(400, 'unsupported_grant_type')],
    [answer(400, 'invalid_request')],
    [answer(400, 'a_word_of_their_own')],
    [answer(400, 'constructor')],
    [answer(404)],
    [answer(405)],
    [answer(302)],
  ])('is misconfigured: %j', (refusal) => {
    const outcome = classify(refusal, context);
    expect(outcome.kind).toBe('misconfigured');
    expect(outcome.kind === 'misconfigured' && outcome.advice).toMatch(/^[a-z].*[^.]$/);
  });

  it('says where a redirect leads, but not with what', () => {
    const refusal = answer(307, undefined, undefined, { location: 'https://other.example/login?token=abc' });
    const outcome = classify(refusal, context);
    expect(outcome).toMatchObject({ kind: 'misconfigured', reason: 'HTTP 307' });
    expect(JSON.stringify(outcome)).toContain('other.example');
    expect(JSON.stringify(outcome)).not.toContain('abc');
  });

  it('defect 13: names the error and what the provider says of it', () => {
    const outcome = classify(answer(400, 'invalid_grant', 'Token has been expired or revoked.'), context);
    expect(outcome.reason).toBe('invalid_grant: Token has been expired or revoked.');
    expect(classify(answer(503, 'server_error', 'try later'), context).reason).toBe(
      'HTTP 503, server_error: try later',
    );
  });
});

describe('no answer', () => {
  const noAnswer = (cause: unknown) => classify({ kind: 'no-answer', cause }, context);

  it('is transient and says why', () => {
    const outcome = noAnswer(
      new Error('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:1') }),
    );
    expect(outcome).toMatchObject({
      kind: 'transient',
      reason: 'fetch failed: connect ECONNREFUSED 127.0.0.1:1',
    });
  });

  it('finds words when every address was tried in vain', () => {
    const outcome = noAnswer(new AggregateError([new Error('connect ECONNREFUSED ::1:1')]));
    expect(outcome.reason).toBe('connect ECONNREFUSED ::1:1');
  });

  it('names the setting that decides whom to trust', () => {
    const cause = Object.assign(new Error('self-signed certificate'), {
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    expect(noAnswer(cause).reason).toContain('ca_bundle_file');
  });

  it('says how long it waited', () => {
    expect(noAnswer(new HttpTimeoutError('no answer within 30 s')).reason).toBe('no answer within 30 s');
  });
});

it('settings that cannot work are misconfigured, with their hint', () => {
  const problem = new AppError('config-invalid', 'ca_bundle_file /nowhere: ENOENT', { hint: 'name a file' });
  expect(classify({ kind: 'unusable', problem }, context)).toEqual({
    kind: 'misconfigured',
    reason: 'ca_bundle_file /nowhere: ENOENT',
    advice: 'name a file',
    asked: false,
  });
});

describe('parseRetryAfter', () => {
  it.each([
    ['120', 120],
    [' 120 ', 120],
    ['0', undefined],
    ['99999999', 3600],
    ['Sun, 22 Nov 2026 12:01:30 GMT', 90],
    ['Sun, 22 Nov 2026 11:00:00 GMT', undefined],
    ['soon', undefined],
    ['1.5', undefined],
    ['2026', 2026],
    [undefined, undefined],
  ])('reads %j as %j seconds', (value, seconds) => {
    expect(parseRetryAfter(value, now)).toBe(seconds);
  });

  it('reaches the outcome', () => {
    const refusal = answer(429, undefined, undefined, { retryAfter: '17' });
    expect(classify(refusal, context)).toMatchObject({ kind: 'transient', retryAfterSeconds: 17 });
  });
});

describe('readable', () => {
  it('redacts a secret that is echoed plain, form-encoded or percent-encoded', () => {
    const secrets = [new Secret('a+b&c =%')];
    for (const echo of ['a+b&c =%', 'a%2Bb%26c+%3D%25', 'a%2Bb%26c%20%3D%25'])
      expect(readable(`refused <${echo}> here`, secrets)).toBe('refused <[redacted]> here');
  });

  it('redacts all of a secret that begins with another', () => {
    expect(readable('got abcdef', [new Secret('abc'), new Secret('abcdef')])).toBe('got [redacted]');
  });

  it('makes one short line without control characters', () => {
    expect(readable('a\r\n\tb\u001B[31m\u202Ec', [])).toBe('a b [31m c');
    expect(readable('x'.repeat(5000), [])).toHaveLength(301);
  });

  it('never shows a secret nor a control character, wherever they stand', () => {
    const secretText = fc
      .string({ minLength: 6, maxLength: 40, unit: 'grapheme' })
      .filter((text) => text.trim() !== '');
    fc.assert(
      fc.property(secretText, fc.string(), fc.string(), (secret, before, after) => {
        // A text that contains the secret by chance of the redaction's own word is no leak.
        fc.pre(!'[redacted]'.includes(secret) && !`${before}${after}`.includes(secret));
        const line = readable(`${before}${secret}${after}`, [new Secret(secret)]);
        expect(line).toContain('[redacted]');
        expect(line).not.toMatch(/\p{C}/u);
      }),
      { numRuns: 200 },
    );
  });
});

describe('adviceFor', () => {
  const codes = [
    7000222, 7000215, 7000218, 700016, 50059, 900144, 70000, 70008, 700082, 50173, 70043, 50076, 50078, 50079,
    54005, 65001,
  ];

  it.each(codes)('knows AADSTS%i, and prefers it to the general error', (code) => {
    const advice = adviceFor('invalid_request', `AADSTS${code}: words. Trace ID: 1`);
    expect(advice).toMatch(/^[a-z].*[^.]$/);
    expect(advice).not.toBe(adviceFor('invalid_request', undefined));
  });

  it("knows Google's words for a sign-in that has ended", () => {
    expect(adviceFor('invalid_grant', 'Token has been expired or revoked.')).toContain('Testing');
    expect(adviceFor('invalid_grant', 'reauth related error (invalid_rapt)')).toContain('session control');
  });

  it('knows nothing of what it does not know', () => {
    expect(adviceFor('toString', 'AADSTS1: ?')).toBeUndefined();
  });
});
