/**
 * Dovecot's `username_format`: a pattern such as `%Lu` by which names are made alike before they are compared. Knows
 * `%u`, `%n` and `%d` (whole name, part before the @, part behind it), their long names, and L and U for the case.
 */
import type { Parsed } from './values.js';

export type UsernameFormat = (name: string) => string;

type Change = (text: string) => string;

const wholeName: Change = (name) => name;
const localPart: Change = (name) => name.split('@')[0]!;
const domainPart: Change = (name) => name.slice(localPart(name).length + 1);

const variables: Readonly<Record<string, Change>> = {
  u: wholeName,
  n: localPart,
  d: domainPart,
  '{user}': wholeName,
  '{username}': localPart,
  '{domain}': domainPart,
};

const modifiers: Readonly<Record<string, Change>> = {
  L: (text) => text.toLowerCase(),
  U: (text) => text.toUpperCase(),
};

export function parseUsernameFormat(text: string): Parsed<UsernameFormat> {
  const parts: Change[] = [];
  let names = 0;
  for (const [piece] of text.matchAll(/%%|%[A-Z]*(?:\{\w*\}|.)?|[^%]+/gs)) {
    if (piece === '%%' || !piece.startsWith('%')) {
      parts.push(() => piece.replace('%%', '%'));
      continue;
    }
    const [, letters = '', variable = ''] = /^%([A-Z]*)(.*)$/s.exec(piece)!;
    const value = Object.hasOwn(variables, variable) ? variables[variable] : undefined;
    const changes = letters.split('').map((letter) => modifiers[letter]);
    if (value === undefined || changes.includes(undefined))
      return { problem: `${piece} is not supported; known are %u, %n and %d, with L or U as in %Lu` };
    parts.push((name) => changes.reduceRight((done, change) => change!(done), value(name)));
    names++;
  }
  if (names === 0) return { problem: 'it holds no name; expected a pattern such as "%Lu"' };
  return { value: (name) => parts.map((part) => part(name)).join('') };
}
