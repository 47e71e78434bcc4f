/** That a slip of the hand is recognised: in words, and in every key of the configuration, whatever its level. */
import { describe, expect, it } from 'vitest';
import { nearest, orDidYouMean } from '../../src/config/nearest.js';
import { parseConfig } from '../../src/config/parse.js';
import { configJsonSchema } from '../support/config-schema.js';

describe('the nearest word', () => {
  it.each([
    ['gmial', 'gmail'],
    ['Gmail', 'gmail'],
    ['outlok', 'outlook'],
    ['hv', 'hve'],
    ['outlookusgov', 'outlook-usgov'],
  ])('to %s is %s', (word, meant) => {
    const known = ['gmail', 'hve', 'outlook', 'outlook-usgov'];
    expect(nearest(word, known)).toBe(meant);
    expect(orDidYouMean(word, known)).toBe(`; did you mean "${meant}"?`);
  });

  it.each([['yahoo'], ['ab'], ['']])('to %j is none, for it is another word', (word) => {
    expect(nearest(word, ['gmail', 'hve', 'outlook'])).toBeUndefined();
    expect(orDidYouMean(word, ['gmail', 'hve', 'outlook'])).toBe('');
  });
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
}

/** Each object that a configuration may have, by the way to it, with its keys. */
function levelsOf(
  schema: Schema,
  path: readonly string[] = [],
): { path: readonly string[]; keys: string[] }[] {
  const entry = schema.additionalProperties;
  if (typeof entry === 'object') return levelsOf(entry, [...path, 'name']);
  if (schema.properties === undefined) return [];
  const below = Object.entries(schema.properties).flatMap(([key, value]) => levelsOf(value, [...path, key]));
  return [{ path, keys: Object.keys(schema.properties) }, ...below];
}

/** `{ relay: { limits: { KEY: true } } }` */
function nested(path: readonly string[], key: string): object {
  return path.reduceRight<object>((inner, step) => ({ [step]: inner }), { [key]: true });
}

describe('a misspelt key', () => {
  const levels = levelsOf(configJsonSchema());

  it('is looked for at every level', () => {
    expect(levels.map(({ path }) => path.join('.'))).toEqual([
      '',
      'postgres',
      'providers.name',
      'providers.name.smtp',
      'accounts.name',
      'accounts.name.smtp',
      'relay',
      'relay.limits',
      'status',
      'socketmap',
    ]);
  });

  it.each(
    levels.flatMap(({ path, keys }) => keys.map((key) => [[...path, key].join('.'), path, key] as const)),
  )('is answered with %s, which was meant', (_name, path, key) => {
    // The last two letters swapped, or, where they are the same, one of them left out.
    const swapped = key.slice(0, -2) + key.at(-1)! + key.at(-2)!;
    const slip = swapped === key ? key.slice(0, -1) : swapped;
    const { warnings } = parseConfig(nested(path, slip), undefined);
    expect(warnings).toEqual([`${[...path, slip].join('.')}: unknown key, ignored; did you mean "${key}"?`]);
  });
});
