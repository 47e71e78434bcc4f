import { describe, expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { addressesIn, askWhoSignedIn } from '../../src/oauth/identity.js';
import { oauthClient, startTokenEndpoint, type Step } from '../support/token-endpoint.js';

const idToken = (claims: unknown) =>
  ['{"alg":"RS256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');
const addresses = (claims: unknown) => addressesIn({ id_token: idToken(claims) });

describe('who signed in, by an id_token', () => {
  it('is Google’s address, in lower case', () => {
    expect(addresses({ iss: 'https://accounts.google.com', email: 'Me@Gmail.com' })).toEqual([
      'me@gmail.com',
    ]);
  });

  it('is every name that Microsoft gives, whichever tenant the issuer names', () => {
    const iss = 'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0';
    const names = {
      preferred_username: 'me@corp.example',
      upn: 'ME@corp.onmicrosoft.com',
      email: 'i@corp.example',
    };
    expect(addresses({ iss, ...names })).toEqual([
      'i@corp.example',
      'me@corp.example',
      'me@corp.onmicrosoft.com',
    ]);
    expect(addresses({ iss, ...names, email: 'me@corp.example' })).toHaveLength(2);
  });

  it('is nobody where no name is an address, or the token is odd', () => {
    for (const claims of [{}, null, { email: 1 }, { preferred_username: '+49 30 1' }, { email: 'a\nb@c' }])
      expect(addresses(claims)).toEqual([]);
    for (const id_token of [undefined, 1, '', 'opaque', 'a.b.c'])
      expect(addressesIn({ id_token })).toEqual([]);
  });
});

describe('who signed in, by the userinfo endpoint', () => {
  const ask = async (step: Step) => {
    const endpoint = await startTokenEndpoint();
    onTestFinished(() => endpoint.close());
    endpoint.script(step);
    const names = await askWhoSignedIn(endpoint.url, new Secret('A1'), oauthClient(endpoint.url), {});
    return { names, asked: endpoint.requests[0] };
  };

  it('is asked for with the token', async () => {
    const { asked, names } = await ask({ body: { email: 'me@gmail.com' } });
    expect(names).toEqual(['me@gmail.com']);
    expect(asked).toMatchObject({ method: 'GET', headers: { authorization: 'Bearer A1' } });
  });

  it.each<Step>([{ status: 403, body: {} }, { body: 'no JSON' }, 'reset'])(
    'does not fail a sign-in when it is not said: %j',
    async (step) => {
      expect((await ask(step)).names).toEqual([]);
    },
  );
});
