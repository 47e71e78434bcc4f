/** What counts as the answer to a sign-in. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pastedParameters, readAnswer } from '../../src/oauth/login-answer.js';

const state = 'state-1';

describe('readAnswer', () => {
  const read = (query: string) => readAnswer(new URLSearchParams(query), state);

  it('finds the code, whatever else there is', () => {
    const answer = read('code=4%2F0Ab&state=state-1&iss=https%3A%2F%2Fx&scope=y');
    expect(typeof answer === 'object' && 'code' in answer && answer.code.reveal()).toBe('4/0Ab');
  });

  it('finds an error and its description', () => {
    expect(read('error=access_denied&error_description=No&state=state-1')).toEqual({
      error: 'access_denied',
      description: 'No',
    });
  });

  it.each([
    '',
    'state=state-1',
    'code=&state=state-1',
    'code=a',
    'code=a&state=',
    'code=a&state=other',
    'code=a&state=state-1&state=state-1',
    'code=a&code=b&state=state-1',
    'error=access_denied',
    'error=access_denied&state=STATE-1',
  ])('defect 14: %j is no answer', (query) => {
    expect(typeof read(query)).toBe('string');
  });

  it('defect 14: takes nothing with another state', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), (other, code) => {
        fc.pre(other !== state);
        expect(typeof readAnswer(new URLSearchParams({ code, state: other }), state)).toBe('string');
      }),
    );
  });
});

describe('pastedParameters', () => {
  it.each([
    'http://127.0.0.1:54332/?code=a&state=s',
    '  http://127.0.0.1:54332/?code=a&state=s\r\n',
    '"http://127.0.0.1:54332/?code=a&state=s"',
    '<http://127.0.0.1:54332/?code=a&state=s>',
    'http://localhost/?code=a&state=s#fragment',
    '127.0.0.1:54332/?code=a&state=s',
  ])('finds them in %j', (text) => {
    expect(Object.fromEntries(pastedParameters(text))).toEqual({ code: 'a', state: 's' });
  });

  it.each(['', 'code', 'http://127.0.0.1:54332/'])('finds none in %j', (text) => {
    expect([...pastedParameters(text)]).toEqual([]);
  });
});
