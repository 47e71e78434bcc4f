/** What the page calls the states of accounts, and how it counts. */
import type { TokenState } from './snapshot.js';

export const describedStates: Readonly<Record<TokenState, readonly [kind: string, text: string]>> = {
  fresh: ['good', 'fresh'],
  due: ['warn', 'waits for its first token'],
  troubled: ['bad', 'the last refresh failed'],
  unsaved: ['bad', 'the new token is in memory only'],
  broken: ['bad', 'cannot be used'],
};

/** By the words that may be asked for as `state`. */
const describedWords: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(describedStates).map(([state, [, text]]) => [state, text])),
  'needs-attention': 'in need of attention',
  'needs-sign-in': 'in need of a new sign-in',
};

export function describeStateWord(word: string): string {
  return describedWords[word] ?? word;
}

/** `1 client`, `10,000 accounts` */
export function counted(count: number, what: string): string {
  return `${number(count)} ${what}${count === 1 ? '' : 's'}`;
}

export function number(count: number): string {
  return count.toLocaleString('en-US');
}
