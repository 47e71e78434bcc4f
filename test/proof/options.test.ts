/** The command line of the proofs, as `npm run proof:storm -- …` hands it on. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { defaults, readOptions } from '../../proof/options.js';

const main = fileURLToPath(new URL('../../proof/main.js', import.meta.url));

describe('the command line of a proof', () => {
  it('gives what is said, and the defaults of the rest', () => {
    expect(readOptions(['--messages', '50', '--seed=7'], defaults.storm)).toEqual({
      ...defaults.storm,
      messages: 50,
      seed: 7,
    });
  });

  it.each([
    [['storm', '--mesages', '50'], /^Unknown option '--mesages'/],
    [['storm', '--messages'], /^Option '--messages <value>' argument missing/],
    [['fuzz', '--count', 'many'], /^--count takes a whole number, not "many"$/],
    [['fuzz', '--count='], /^--count takes a whole number, not ""$/],
    [['fuzz', '12'], /^Unexpected argument '12'/],
    [['strom'], /^there is no proof "strom"$/],
    [[], /^there is no proof ""$/],
  ])('%j is told in a line, with the usage and exit status 2', (args, expected) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    const [line = '', ...usage] = stderr.trimEnd().split('\n');
    expect([status, stdout]).toEqual([2, '']);
    expect(line).toMatch(expected);
    expect(usage).toEqual([
      'npm run proof:storm -- [--messages N] [--seed N] [--seconds N]',
      'npm run proof:fuzz -- [--count N] [--seed N] [--seconds N]',
      'npm run proof:refresh -- [--kills N] [--seed N] [--seconds N]',
      'npm run proof:guess -- [--guesses N] [--seed N] [--seconds N]',
      'npm run proof:fleet -- [--accounts N] [--life N] [--seed N] [--seconds N]',
      'npm run proof:soak -- [--minutes N] [--seed N]',
    ]);
  });
});
