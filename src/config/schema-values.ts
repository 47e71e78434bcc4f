/**
 * How the kinds of value in a configuration file are read: words, lists, choices, sections, each with the words that
 * say what was expected. What a single value may be is values.ts's; which keys there are, schema.ts's.
 */
import { z } from 'zod';
import { orDidYouMean } from './nearest.js';
import {
  type Parsed,
  parseAbsolutePath,
  parseCredential,
  parseEndpoint,
  parseProxy,
  parseSwitch,
} from './values.js';

/** sasl-xoauth2.conf may give any value as a string, a number or a boolean. */
export function scalar(error: string) {
  return z.union([z.string(), z.number(), z.boolean()], { error });
}
export const text = scalar('expected a string').transform((value) => String(value));

export const count = z
  .int({ error: 'expected a whole number above 0' })
  .min(1, 'expected a whole number above 0');
const partExpected = 'expected a number above 0, at most 1';
export const part = z.number({ error: partExpected }).gt(0, partExpected).max(1, partExpected);
export const flag = z.boolean({ error: 'expected true or false' });

/** A value that one of values.ts's rules reads further. */
export function read<In, Raw, T>(from: z.ZodType<In, Raw>, parse: (value: In) => Parsed<T>) {
  return from.transform((value, context): T => {
    const result = parse(value);
    if ('value' in result) return result.value;
    context.issues.push({ code: 'custom', message: result.problem, input: value });
    return z.NEVER;
  });
}

/** A string or a list of them, each read by a rule; a problem in a list names its place. */
export function oneOrMore<T>(parse: (value: string) => Parsed<T>) {
  const either = z.union([z.string(), z.array(z.string())], {
    error: 'expected a string or a list of strings',
  });
  return either.transform((value, context): T[] => {
    const values: T[] = [];
    for (const [index, item] of [value].flat().entries()) {
      const result = parse(item);
      if ('value' in result) values.push(result.value);
      else {
        const path = Array.isArray(value) ? [index] : [];
        context.issues.push({ code: 'custom', message: result.problem, input: item, path });
      }
    }
    return values;
  });
}

export function oneOf<const Words extends readonly string[]>(...words: Words) {
  const list = words.map((word) => `"${word}"`);
  const rest = list.slice(0, -1).join(', ');
  return z.enum(words, { error: `expected ${rest} or ${list.at(-1)}` });
}

/** An object whose other keys checkShape reports. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'invalid_type' ? 'expected an object' : undefined),
  });
}

/** An object where a key that is not known is an error: what it demands would go unchecked. */
export function closedSection<Shape extends z.ZodRawShape>(
  shape: Shape,
  complaint = (key: string, known: readonly string[]) => `${key} is not known${orDidYouMean(key, known)}`,
) {
  return z
    .looseObject(shape, { error: 'expected an object' })
    .check(({ value, issues }) => {
      const known = Object.keys(shape);
      for (const key of Object.keys(value))
        if (!known.includes(key))
          issues.push({ code: 'custom', message: complaint(key, known), input: value, path: [key] });
    })
    .meta({ additionalProperties: false });
}

/** An empty URL is one that is not set. */
export const endpoint = read(text, (value): Parsed<string | undefined> => {
  if (value === '') return { value: undefined };
  const result = parseEndpoint(value);
  return 'problem' in result ? result : { value };
});
export const proxy = read(text, (value): Parsed<string> => {
  const result: Parsed<unknown> = value === '' ? { value } : parseProxy(value);
  return 'problem' in result ? result : { value };
});
export const credential = read(text, parseCredential);
export const switchable = read(scalar('expected "yes" or "no"'), parseSwitch);
export const path = read(text, parseAbsolutePath);
export const command = z.union([z.string(), z.array(z.string())], {
  error: 'expected a string or a list of strings',
});
