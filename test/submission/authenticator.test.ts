import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { Proof } from '../../src/protocol/sasl/server.js';
import { AttemptLimiter } from '../../src/submission/attempt-limiter.js';
import { Authenticator, type AuthenticatorOptions } from '../../src/submission/authenticator.js';
import type { AuthVerdict, BearerCheck, PasswordCheck } from '../../src/submission/identity.js';
import { VirtualClock } from '../support/virtual-clock.js';

const accepted: AuthVerdict = {
  kind: 'accepted',
  identity: { user: 'a', senders: undefined, accounts: undefined, token: undefined },
};
const unavailable: AuthVerdict = { kind: 'unavailable', cause: new AppError('passwords-unusable', 'gone') };

/** Knows one secret, and counts how often it is asked. */
class OneSecret implements PasswordCheck, BearerCheck {
  asked = 0;
  otherwise: AuthVerdict = { kind: 'refused' };

  check(_user: string | undefined, secret: Secret): Promise<AuthVerdict> {
    this.asked++;
    return Promise.resolve(secret.reveal() === 'right' ? accepted : this.otherwise);
  }
}

function authenticator(options: Partial<AuthenticatorOptions> = {}): Authenticator {
  const limiter = new AttemptLimiter(new VirtualClock());
  return new Authenticator({ limiter, passwords: [], bearer: undefined, ...options });
}

function password(secret: string, user = 'a'): Proof {
  return { kind: 'password', user, password: new Secret(secret) };
}

function token(secret: string, mechanism: 'XOAUTH2' | 'OAUTHBEARER' = 'XOAUTH2'): Proof {
  return { kind: 'bearer', mechanism, user: 'a', token: new Secret(secret) };
}

const guesser = '192.0.2.1';

describe('an authenticator', () => {
  it('offers what it can check', () => {
    const check = new OneSecret();
    expect(authenticator().mechanisms).toEqual([]);
    expect(authenticator({ passwords: [check], bearer: check }).mechanisms).toEqual([
      'PLAIN',
      'LOGIN',
      'XOAUTH2',
      'OAUTHBEARER',
    ]);
  });

  it('lets in who any of its checks knows, and refuses only when each can tell', async () => {
    const [first, second] = [new OneSecret(), new OneSecret()];
    first.otherwise = unavailable;
    const both = authenticator({ passwords: [second, first] });
    expect(await both.authenticate(password('right'), guesser)).toBe(accepted);
    expect(await both.authenticate(password('wrong'), guesser)).toMatchObject(unavailable);
  });

  it('gives each mechanism the challenge that its clients wait for', async () => {
    const bearer = authenticator({ bearer: new OneSecret() });
    expect(await bearer.authenticate(token('wrong'), guesser)).toEqual({
      kind: 'refused',
      challenge: '{"status":"401","schemes":"bearer","scope":"mail"}',
    });
    expect(await bearer.authenticate(token('wrong', 'OAUTHBEARER'), guesser)).toEqual({
      kind: 'refused',
      challenge: '{"status":"invalid_token"}',
    });
  });

  it('answers ten thousand guesses for the price of a few, and who was in before gets in at once', async () => {
    const check = new OneSecret();
    const port = authenticator({ passwords: [check], bearer: check });
    await port.authenticate(password('right'), guesser);
    await port.authenticate(token('right'), guesser);
    check.asked = 0;
    for (let index = 0; index < 5000; index++) {
      expect((await port.authenticate(password(`wrong ${index}`), guesser)).kind).not.toBe('accepted');
      expect((await port.authenticate(token(`wrong${index}`), guesser)).kind).not.toBe('accepted');
    }
    expect(check.asked).toBe(10);
    expect(await port.authenticate(password('right'), guesser)).toBe(accepted);
    expect(await port.authenticate(token('right'), guesser)).toBe(accepted);
    // One who was never here, and comes from elsewhere.
    expect(await port.authenticate(password('right', 'A'), '192.0.2.2')).toBe(accepted);
    expect(await port.authenticate(password('other'), guesser)).toMatchObject({
      kind: 'unavailable',
      cause: { code: 'auth-limited' },
    });
  });

  it('takes connections that are opened at once with one proof for one guess', async () => {
    const check = new OneSecret();
    const port = authenticator({ passwords: [check] });
    const many = (secret: string) =>
      Promise.all(Array.from({ length: 50 }, () => port.authenticate(password(secret), guesser)));
    for (const verdict of await many('right')) expect(verdict).toBe(accepted);
    check.asked = 0;
    for (const verdict of await many('wrong')) expect(verdict).toEqual({ kind: 'refused' });
    expect(check.asked).toBe(1);
  });

  it('takes what one check refused for a guess, though another one cannot tell', async () => {
    const [file, provider] = [new OneSecret(), new OneSecret()];
    provider.otherwise = unavailable;
    const port = authenticator({ passwords: [file, provider] });
    for (let index = 0; index < 50; index++) await port.authenticate(password(`wrong ${index}`), guesser);
    expect(file.asked).toBe(10);
  });

  it('does not take what cannot be checked for a guess', async () => {
    const check = new OneSecret();
    check.otherwise = unavailable;
    const port = authenticator({ passwords: [check] });
    for (let index = 0; index < 50; index++) await port.authenticate(password(`wrong ${index}`), guesser);
    expect(check.asked).toBe(50);
  });
});
