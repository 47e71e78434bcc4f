/** That what token endpoints really say is understood: an endpoint says it, and an administrator gets a sentence that helps. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { requestRefresh } from '../../src/oauth/client.js';
import { outcomeFailure } from '../../src/refresh/failure.js';
import { endpointWords, type EndpointWords } from '../support/provider-words.js';
import { oauthClient, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { testAccount } from '../support/token-files.js';

let endpoint: TokenEndpoint;
beforeAll(async () => {
  endpoint = await startTokenEndpoint();
});
afterAll(() => endpoint.close());

/** The failure that `serve` logs and `refresh` shows when the endpoint says this. */
async function failureAfter({ description, error, provider, status }: EndpointWords) {
  // What Microsoft puts behind each of its sentences.
  const trail =
    '\r\nTrace ID: 57a50e0a-2446-4543-8760-aff1583b2b00\r\nCorrelation ID: 80554d13-fead-4e28-a311-cf106e42dd92' +
    '\r\nTimestamp: 2026-11-22 10:32:25Z';
  const whole = provider === 'Microsoft' ? description + trail : description;
  endpoint.script({ status, body: { error, error_description: whole } });
  const outcome = await requestRefresh(oauthClient(endpoint.url), new Secret('refresh-token-1'));
  if (outcome.kind === 'refreshed') throw new Error('a refusal passed for a token');
  return outcomeFailure(testAccount('/etc/tokens/me@example.org'), outcome);
}

const command = 'mailbearer get-token';

describe('what a token endpoint says', () => {
  it.each(endpointWords.map((words) => [`${words.error}: ${words.description}`, words] as const))(
    'is explained: %s',
    async (_name, words) => {
      const failure = await failureAfter(words);
      expect(failure.code).toBe(words.code);
      expect(failure.hint).toContain(words.meaning);
      expect(failure.hint?.includes(command)).toBe(words.code === 'grant-dead');
      // Its own words are kept, at least their beginning.
      expect(failure.message).toContain(`${words.error}: ${words.description.slice(0, 60)}`);
      expect(failure.publicDetail).not.toContain('example');
    },
  );

  it('is known for each number that has a sentence, and each that administrators meet most', () => {
    const source = readFileSync(new URL('../../src/oauth/advice.ts', import.meta.url), 'utf8');
    const explained = [...source.matchAll(/^ {2}(\d+):/gm)].map(([, number]) => number!);
    const played = endpointWords.flatMap(({ description }) => /AADSTS(\d+)/.exec(description)?.[1] ?? []);
    expect(played.toSorted()).toEqual(explained.toSorted());
    const usual = '7000222 7000215 7000218 700016 50059 900144 70000 70008 700082 50173 70043 50076 50078';
    expect(explained).toEqual(expect.arrayContaining([...usual.split(' '), '50079', '54005', '65001']));
  });
});
