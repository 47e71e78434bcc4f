/** `npm run proof:refresh` in short, and whether its judge would find anything. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Evidence, fileMode, judge, otherField } from '../../proof/refresh/judge.js';
import { killRefreshes } from '../../proof/refresh/refresh.js';
import { binaryPath } from '../support/run-binary.js';

it('a refresh that is killed anywhere leaves a token that the provider takes, or the one before', async () => {
  const { figures, faults } = await killRefreshes({
    kills: 16,
    seed: 5,
    seconds: 60,
    program: binaryPath,
    mortal: fileURLToPath(new URL('../../proof/refresh/mortal.js', import.meta.url)),
    progress: () => undefined,
  });
  expect(faults).toEqual([]);
  const named = Object.fromEntries(figures);
  expect(named).toMatchObject({ kills: 16 });
  expect(named['killed before the provider was asked']).toBeLessThan(16);
}, 90_000);

describe('the judge of a killed refresh', () => {
  const fileWith = (token: string, more: object = otherField) =>
    JSON.stringify({ refresh_token: token, ...more });
  const killed: Evidence = {
    before: 'R1',
    newest: 'R2',
    answered: false,
    replaced: false,
    written: false,
    told: false,
    text: fileWith('R1'),
    mode: fileMode,
  };

  it('takes the newest token at any time, and the one before until the new file is in place', () => {
    expect(judge(killed)).toEqual({ kind: 'one before', answered: false, written: false });
    expect(judge({ ...killed, answered: true })).toEqual({
      kind: 'one before',
      answered: true,
      written: false,
    });
    expect(judge({ ...killed, newest: 'R1' })).toEqual({ kind: 'newest', rotated: false });
    const done = { answered: true, replaced: true, told: true, text: fileWith('R2') };
    expect(judge({ ...killed, ...done })).toEqual({ kind: 'newest', rotated: true });
  });

  it.each([
    ['a token of nobody', { text: fileWith('R0') }, /neither/],
    ['the one before, after the new file was in place', { answered: true, replaced: true }, /replaced/],
    ['the one before, after success was told', { told: true }, /it said/],
    ['half a file', { text: '{"refresh_token": "R' }, /not whole/],
    ['an empty file', { text: '' }, /not whole/],
    ['no file', { text: undefined }, /no token file/],
    ['a file that has lost a field', { text: fileWith('R2', {}) }, /not ours/],
    ['a file that others can read', { mode: 0o644 }, /mode/],
  ] satisfies [string, Partial<Evidence>, RegExp][])('would find %s', (_what, evidence, what) => {
    expect(judge({ ...killed, ...evidence })).toEqual({
      kind: 'fault',
      what: expect.stringMatching(what) as string,
    });
  });
});
