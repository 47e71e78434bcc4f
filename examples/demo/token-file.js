// @ts-check
/**
 * Token files for the eyes of a reader: as JSON and as a comparison of two states, each token cut to its first
 * characters. Reads only; writing them is mailbearer's part.
 */
import { readFile } from 'node:fs/promises';

/** @typedef {Record<string, string>} TokenFields */

/** Enough to tell two tokens apart, far too little to use one. */
const shownCharacters = 4;

/** @param {string} path @returns {Promise<TokenFields>} */
export async function readTokenFile(path) {
  return /** @type {TokenFields} */ (JSON.parse(await readFile(path, 'utf8')));
}

/** @param {string | undefined} token */
export function shorten(token = '') {
  return `${token.slice(0, shownCharacters)}…`;
}

/** @param {TokenFields} fields @returns {string} JSON, as it is in the file. */
export function show(fields) {
  return JSON.stringify(
    fields,
    (name, value) => (name.endsWith('_token') ? shorten(String(value)) : value),
    2,
  );
}

/**
 * What has changed, as rows of a table.
 *
 * @param {TokenFields} before
 * @param {TokenFields} after
 * @returns {{ rows: string[][], unchanged: string[] }}
 */
export function compare(before, after) {
  const names = Object.keys({ ...before, ...after });
  const changed = names.filter((name) => before[name] !== after[name]);
  return {
    rows: [
      ['', 'before', 'after'],
      ...changed.map((name) => [name, cell(name, before[name]), cell(name, after[name])]),
    ],
    unchanged: names.filter((name) => !changed.includes(name)),
  };
}

/** @param {TokenFields} fields @returns {number} Milliseconds since the epoch. */
export function expiresAt({ expiry }) {
  return Number(expiry) * 1000;
}

/** @param {string} name @param {string | undefined} value */
function cell(name, value) {
  if (value === undefined) return '-';
  if (name.endsWith('_token')) return shorten(value);
  return name === 'expiry' ? `${value} (${timeOfDay(Number(value) * 1000)})` : value;
}

/** @param {number} at */
function timeOfDay(at) {
  return new Date(at).toTimeString().slice(0, 8);
}
