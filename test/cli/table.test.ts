import { describe, expect, it } from 'vitest';
import { formatTable } from '../../src/cli/table.js';

const rows = [
  ['ACCOUNT', 'STATE', 'EXPIRES'],
  ['a@corp.example', 'fresh', 'in 1h'],
  ['b@corp.example', 'due', '-'],
];
const wide = ['ACCOUNT         STATE  EXPIRES', 'a@corp.example  fresh  in 1h', 'b@corp.example  due    -'];

describe('a table', () => {
  it('has a line for each row where there is no terminal, or a wide one', () => {
    expect(formatTable(rows)).toEqual(wide);
    expect(formatTable(rows, 30)).toEqual(wide);
  });

  it('has two lines for each where the terminal is too narrow for one', () => {
    expect(formatTable(rows, 29)).toEqual([
      'ACCOUNT',
      '  STATE  EXPIRES',
      'a@corp.example',
      '  fresh  in 1h',
      'b@corp.example',
      '  due    -',
    ]);
  });

  it('has as many rows as there are accounts, more than a function takes arguments', () => {
    expect(formatTable(Array.from({ length: 200_000 }, () => ['a', 'b'])).at(-1)).toBe('a  b');
  });
});
