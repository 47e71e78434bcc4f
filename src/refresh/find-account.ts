/**
 * The account that a word means: a token file's path, else an account's name, its file's name, its login name, or one of
 * its senders, in this order. What is found may be broken; who needs it whole asks so.
 */
import { basename, resolve } from 'node:path';
import { canSubmit, isBroken } from '../accounts/account.js';
import type { Config } from '../config/config.js';
import { nearest } from '../config/nearest.js';
import { AppError } from '../core/errors.js';
import { type CensusOptions, type Found, readAccount, takeCensus } from './census.js';

/** One that can be kept fresh. */
export type Usable = Extract<Found, { readonly store: unknown }>;

/**
 * `onProblem` hears of each token directory that cannot be listed. Throws AppError account-unknown, which names those
 * that are known.
 */
export async function findAccount(
  word: string,
  options: CensusOptions,
  onProblem: (problem: AppError) => void,
): Promise<Found> {
  if (word.includes('/')) return readAccount(options, resolve(word));
  const { found } = await takeCensus(options, onProblem);
  for (const names of waysToName) {
    const matches = found.filter((entry) =>
      names(entry).some((name) => name.toLowerCase() === word.toLowerCase()),
    );
    const match = foremost(matches, word, options.config);
    if (match !== undefined) return match;
  }
  const known = found.map(({ account }) => account.name);
  const meant = nearest(word, known);
  const all = known.length === 0 ? 'there is none yet: mailbearer get-token --help' : listed(known);
  throw new AppError('account-unknown', `no account is called ${word}`, {
    hint: meant === undefined ? all : `did you mean ${meant}?`,
  });
}

/** Throws the problem of an account that is broken. */
export function requireUsable(found: Found): Usable {
  if ('store' in found) return found;
  throw found.account.problem;
}

const waysToName: readonly ((found: Found) => readonly string[])[] = [
  ({ account }) => [account.name],
  ({ path }) => [basename(path)],
  ({ account }) => (!isBroken(account) && canSubmit(account) ? [account.submission.user] : []),
  ({ account }) => account.senders,
];

/** Of several by one name, which `serve` refuses: the file that is configured, else the one that is called so. */
function foremost(matches: readonly Found[], word: string, config: Config): Found | undefined {
  const configured = config.accounts.get(word)?.tokenFile;
  return (
    matches.find(({ path }) => path === configured) ??
    matches.find(({ path }) => basename(path) === word) ??
    matches[0]
  );
}

function listed(names: readonly string[]): string {
  const most = 10;
  const more = names.length > most ? ` and ${names.length - most} more: mailbearer status` : '';
  return `known: ${names.slice(0, most).join(', ')}${more}`;
}
