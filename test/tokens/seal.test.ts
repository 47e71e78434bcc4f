import { expect, it } from 'vitest';
import { versionOf } from '../../src/tokens/read-file.js';
import { seal, unseal } from '../../src/tokens/seal.js';

const sealed = { text: '{\n  "access_token": "A–2"\n}\n', replaces: versionOf('{}') };

it.each([0, 100, 16_384])('what is sealed over %i octets is found again, and fills them', (octets) => {
  const content = seal(sealed, octets);
  expect(unseal(content.toString())).toEqual(sealed);
  expect(content.length).toBeGreaterThanOrEqual(octets);
});

it('fills the space exactly', () => {
  expect(seal(sealed, 16_384)).toHaveLength(16_384);
});

it('of which any part is missing or another is none', () => {
  const content = seal(sealed, 500).toString();
  for (let at = 0; at < content.length; at++) {
    expect(unseal(content.slice(0, at))).toBeUndefined();
    const other = `${content.slice(0, at)}${content[at] === 'x' ? 'y' : 'x'}${content.slice(at + 1)}`;
    // But for the name of what it replaces, which is compared with what is there.
    expect(unseal(other)?.text ?? sealed.text).toBe(sealed.text);
    expect(unseal(other)?.replaces).not.toBe(sealed.replaces);
  }
});
