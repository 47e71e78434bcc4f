/** `npm run proof:fuzz` in short, and whether it would find anything. */
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import type { Proof, ServerStep } from '../../src/protocol/sasl/server.js';
import { BodyScanner } from '../../src/protocol/smtp/body.js';
import { checkAuth, signInsOf } from '../../proof/fuzz/auth.js';
import { fuzz } from '../../proof/fuzz/fuzz.js';
import { hasFalseEnd } from '../../proof/fuzz/lenient.js';
import { cut, shrink } from '../../proof/fuzz/mutate.js';
import { checkScanner } from '../../proof/fuzz/scanner.js';
import { mechanisms, password, properSignIn, user } from '../../proof/fuzz/sign-ins.js';
import { Random } from '../../proof/random.js';

describe('the fuzzer', () => {
  it('finds nothing in the machines, in the listener, and with false ends of data', async () => {
    const { figures, faults } = await fuzz({
      count: 15_000,
      seed: 3,
      seconds: 60,
      progress: () => undefined,
    });
    expect(faults).toEqual([]);
    expect(Object.fromEntries(figures)).toMatchObject({
      'inputs to the machines': 15_000,
      'sessions with the relay': 60,
      'sessions with sign-ins': 30,
      'let in': expect.toSatisfy((count: number) => count > 0 && count < 30),
    });
  }, 90_000);

  it('would find a scanner that lets false ends out, changes octets, or depends on the cuts', () => {
    const honest = (strict: boolean) => new BodyScanner({ refuseBareNewlines: strict });
    /** A scanner that does something else with its chunks. */
    const wrong = (spoil: (chunk: string) => string) => (strict: boolean) => {
      const scanner = honest(strict);
      return {
        scan: (chunk: Buffer) => scanner.scan(Buffer.from(spoil(chunk.toString('latin1')), 'latin1')),
        get unsafe() {
          return scanner.unsafe;
        },
      };
    };
    const passing = (strict: boolean) => ({
      scan: (chunk: Buffer) => ({
        ...honest(strict).scan(Buffer.from('')),
        pieces: [chunk],
        octets: chunk.length,
      }),
      unsafe: false,
    });
    const found = (input: string, make: Parameters<typeof checkScanner>[2]) =>
      checkScanner(input, new Random(1), make);
    expect(found('a\r\n.\r\n', honest)).toBeUndefined();
    expect(found('a\n.\nb', passing)).toMatch(/false end/);
    expect(found('a\r\n.\r\nb', passing)).toMatch(/end is not where/);
    expect(
      found(
        'abc\r\n',
        wrong((chunk) => chunk.replace('b', 'x')),
      ),
    ).toMatch(/more than dots/);
    expect(
      found(
        'abc\r\n..\r\n',
        wrong((chunk) => chunk.replace('\r\n.', '\r\n')),
      ),
    ).toBeDefined();
  });

  it('would find AUTH that lets in whoever has not said the right thing, and takes names that are none', () => {
    const whole = mechanisms.flatMap((name) => [properSignIn(name, true), properSignIn(name, false)]);
    for (const signIn of whole) {
      expect(signInsOf(['EHLO c\r\n', signIn])).toContain('let in');
      expect(checkAuth(`EHLO c\r\n${signIn}`, new Random(1))).toBeUndefined();
    }
    const found = (line: string, proof: Proof) =>
      checkAuth(`EHLO c\r\n${line}\r\n`, new Random(1), () => {
        const taken: ServerStep = { kind: 'check', proof };
        return { begin: () => taken, respond: () => taken, refused: () => taken };
      });
    const right = { kind: 'password', user, password: new Secret(password) } as const;
    for (const line of ['AUTH PLAIN AGEAYg==', 'AUTH LOGIN', 'AUTH XOAUTH2 ='])
      expect(found(line, right)).toMatch(/^let in/);
    expect(found('AUTH PLAIN AGEAYg==', { ...right, user: 'a\r\nb' })).toMatch(/^a name/);
  });

  it('knows what lenient servers take for an end', () => {
    for (const data of ['a\n.\n', 'a\r\n.\n', 'a\r.\r', '.\nb', 'a\r\n\0.\0\r\n'])
      expect([data, hasFalseEnd(data, false)]).toEqual([data, true]);
    for (const data of ['a\n..\n', 'a.\n', '..\r\n', 'a\r\n.b'])
      expect([data, hasFalseEnd(data, false)]).toEqual([data, false]);
    expect(hasFalseEnd('a\r\n.\r\n', true)).toBe(false);
  });

  it('cuts without losing an octet, and shrinks to what matters', () => {
    const random = new Random(5);
    for (let length = 0; length < 50; length++) {
      const text = 'x.\r\n'.repeat(length);
      expect(cut(text, random).join('')).toBe(text);
    }
    expect(shrink('some octets, b, and more a of them', (text) => /b.*a/.test(text))).toBe('ba');
  });

  it('repeats itself with the same seed only', () => {
    const draw = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 5 }, () => random.below(1000));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(1).every((value) => Number.isInteger(value) && value >= 0 && value < 1000)).toBe(true);
  });
});
