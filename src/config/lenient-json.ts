/**
 * JSON as people write it: comments, trailing commas and a byte order mark are fine, as they are for
 * sasl-xoauth2. The only importer of jsonc-parser, which tells where a mistake is.
 */
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';

export type LenientJson =
  | { readonly kind: 'value'; readonly value: unknown }
  /** `line 3, column 5: comma expected`; nothing of the text itself, which may hold secrets. */
  | { readonly kind: 'problem'; readonly problem: string };

export function parseLenientJson(content: string): LenientJson {
  const text = content.replace(/^\uFEFF/, '');
  const strict = parseStrictJson(text);
  if (strict !== undefined) return { kind: 'value', value: strict };
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first === undefined) return { kind: 'value', value };
  const before = text.slice(0, first.offset).split('\n');
  // `CommaExpected` -> `comma expected`
  const what = printParseErrorCode(first.error)
    .replace(/(?!^)([A-Z])/g, ' $1')
    .toLowerCase();
  return { kind: 'problem', problem: `line ${before.length}, column ${before.at(-1)!.length + 1}: ${what}` };
}

/** Most of it is: many times faster, and what it gives holds no part of the text. Undefined where it is none. */
function parseStrictJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Neither a list nor null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
