/** That what submission servers really say is understood. */
import { describe, expect, it } from 'vitest';
import { adviceForRefusal } from '../../src/relay/refusal-advice.js';
import { serverWords } from '../support/provider-words.js';

describe('what a submission server says', () => {
  it.each(serverWords)('is explained: $reply', ({ meaning, reply }) => {
    expect(adviceForRefusal(reply)).toContain(meaning);
  });

  it.each([['250 2.0.0 OK'], ['550 5.1.1 No such user'], ['552 5.7.300 too large']])(
    'is left alone where nothing is known: %s',
    (reply) => {
      expect(adviceForRefusal(reply)).toBeUndefined();
    },
  );
});
