/** Keys in files, laid out and escaped as Dovecot's manual has it. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { escapeKeyName, readKey } from '../../src/submission/key-directory.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/process.js';

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

async function put(path: string, content: string): Promise<void> {
  const file = join(directory.path, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}
const read = (alg: string, azp?: string, kid?: string) => readKey(directory.path, { alg, azp, kid });

describe('the name of a key', () => {
  it.each([
    [undefined, 'default'],
    ['', 'default'],
    ['issuer.net-dovecot', 'issuer.net-dovecot'],
    ['./../../../../etc/passwd', '...%2f....%2f....%2f....%2f....%2fetc%2fpasswd'],
    ['a/b%c', 'a%2fb%25c'],
    ['.', '...'],
    ['..', '....'],
    ['%2f..', '%252f..'],
  ])("is escaped as in Dovecot's manual: %s", (name, escaped) => {
    expect(escapeKeyName(name)).toBe(escaped);
  });

  it('is one part of a path below the directory, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('.', '/', '%', '2', 'f', 'a', '\\') }), (name) => {
        const path = join('/keys', escapeKeyName(name));
        expect(dirname(path)).toBe('/keys');
        expect(path).toBe(`/keys/${escapeKeyName(name)}`);
      }),
    );
  });
});

describe('a key', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  it('is read from AZP/ALG/KID, in PEM or as a JWK', async () => {
    await put(
      'issuer.net-dovecot/ES256/Zm9vb2Jhcgo',
      String(publicKey.export({ type: 'spki', format: 'pem' })),
    );
    await put('default/ES256/default', JSON.stringify(publicKey.export({ format: 'jwk' })));
    for (const key of [await read('ES256', 'issuer.net-dovecot', 'Zm9vb2Jhcgo'), await read('ES256')])
      expect((key as KeyObject).equals(publicKey)).toBe(true);
    expect(await read('ES384')).toBeUndefined();
  });

  it('of HS256 is octets in base64', async () => {
    const secret = 'x'.repeat(32);
    await put('default/HS256/default', `${btoa(secret)}\n`);
    expect(Buffer.from((await read('HS256')) as Uint8Array).toString()).toBe(secret);
  });

  it('is none where its name can be no file', async () => {
    for (const kid of ['x'.repeat(300), 'a\0b', '../../etc/passwd'])
      expect(await read('ES256', undefined, kid)).toBeUndefined();
  });

  it.each([
    ['ES256', 'geheim', /no public key/],
    ['ES256', '{"kty":"geheim"}', /no public key/],
    ['HS256', 'geheim!', /not in base64/],
    ['HS256', '', /not in base64/],
    ['HS256', 'geheim', /32 octets/],
  ])('that is damaged is named, and not shown: %s %s', async (alg, content, words) => {
    await put(`default/${alg}/default`, content);
    const failure = await read(alg).catch((thrown: unknown) => thrown as Error);
    expect(failure).toMatchObject({
      code: 'auth-unavailable',
      message: expect.stringMatching(words) as string,
    });
    expect((failure as Error).message).not.toContain('geheim');
  });
});
