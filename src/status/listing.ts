/**
 * Which of many accounts are shown, and how many there are of each kind: for `status`, for the page and for
 * /status.json alike. What is asked for comes as words and is checked here; nothing is read from anywhere.
 */
import { orDidYouMean } from '../config/nearest.js';
import { AppError, type Remedy } from '../core/errors.js';
import { increase } from '../core/tally.js';
import { presets } from '../providers/index.js';

/** What an account is chosen by. */
export interface Traits {
  readonly account: string;
  /** Null where it is not known. */
  readonly provider: string | null;
  readonly state: string;
  /** Of what is wrong with it; null where nothing is. */
  readonly remedy: Remedy | null;
}

/** What may be asked for beside the states, with which they overlap. */
const needs: Readonly<Record<string, (remedy: Remedy | null) => boolean>> = {
  'needs-attention': (remedy) => remedy !== null,
  'needs-sign-in': (remedy) => remedy === 'reauthorize',
};

/** All words for `state`. */
export function wordsForState(states: readonly string[]): readonly string[] {
  return [...states, ...Object.keys(needs)];
}

/** What is asked for, word by word, as it was typed. */
export interface Wanted {
  /** Several, or several in one with commas. */
  readonly state?: readonly string[] | undefined;
  readonly provider?: readonly string[] | undefined;
  /** A part of the account's name. */
  readonly match?: string | undefined;
  readonly page?: string | undefined;
  readonly limit?: string | undefined;
  /** Whole names. */
  readonly names?: readonly string[] | undefined;
}

/** Empty lists and an empty `match` let all through. */
export interface Selection {
  readonly states: readonly string[];
  readonly providers: readonly string[];
  /** In lower case. */
  readonly match: string;
  readonly names: ReadonlySet<string>;
  /** From 1 on. */
  readonly page: number;
  /** Accounts on a page; Infinity: all. */
  readonly limit: number;
}

export interface Bounds {
  /** Words for `state`. */
  readonly states: readonly string[];
  /** Accounts on a page, where no limit is asked for. */
  readonly limit: number;
  readonly mostLimit: number;
  /** Whether all are shown where neither page nor limit is asked for. */
  readonly showsAll: boolean;
  /** How what is wrong is named: `--state`, say. */
  readonly nameOf: (what: 'state' | 'page' | 'limit') => string;
}

/** Throws AppError usage, which names what is wrong. Whether there is such a provider only `requireProviders` knows. */
export function selectionOf(wanted: Wanted, bounds: Bounds): Selection {
  const { mostLimit, nameOf, showsAll, states } = bounds;
  const limit = showsAll && !wanted.page ? Infinity : bounds.limit;
  const chosen = listed(wanted.state);
  for (const state of chosen)
    if (!states.includes(state))
      throw new AppError(
        'usage',
        `${nameOf('state')}: there is no "${state}"${orDidYouMean(state, states)}`,
        { hint: `it is one or more of ${states.join(', ')}` },
      );
  return {
    states: chosen,
    providers: listed(wanted.provider),
    match: (wanted.match ?? '').trim().toLowerCase(),
    names: new Set(wanted.names),
    page: wholeNumber(wanted.page, 1, Number.MAX_SAFE_INTEGER, nameOf('page')),
    limit: wholeNumber(wanted.limit, limit, mostLimit, nameOf('limit')),
  };
}

/** Throws AppError usage for a provider that neither one of these accounts has nor anybody knows. */
export function requireProviders({ providers }: Selection, known: Iterable<string>, name: string): void {
  const all = new Set([...presets.keys(), ...known]);
  for (const provider of providers)
    if (!all.has(provider))
      throw new AppError('usage', `${name}: there is no "${provider}"${orDidYouMean(provider, all)}`, {
        hint: `it is one or more of ${[...all].join(', ')}`,
      });
}

export function isFiltered({ match, names, providers, states }: Selection): boolean {
  return states.length > 0 || providers.length > 0 || match !== '' || names.size > 0;
}

/** Of all accounts, whichever are shown. */
export interface Counts {
  readonly total: number;
  /** By each word for `state`: one that needs somebody is counted by its state, too. */
  readonly states: Readonly<Record<string, number>>;
  /** Where the provider is known. */
  readonly providers: Readonly<Record<string, number>>;
}

/** @param words for `state` */
export function countAccounts(accounts: readonly Traits[], words: readonly string[]): Counts {
  const [states, providers, remedies] = [
    new Map<string, number>(),
    new Map<string, number>(),
    new Map<Remedy, number>(),
  ];
  for (const { provider, remedy, state } of accounts) {
    increase(states, state);
    if (provider !== null) increase(providers, provider);
    if (remedy !== null) increase(remedies, remedy);
  }
  const countOf = (word: string) => {
    const isNeed = needs[word];
    if (isNeed === undefined) return states.get(word) ?? 0;
    return [...remedies].reduce((sum, [remedy, count]) => sum + (isNeed(remedy) ? count : 0), 0);
  };
  return {
    total: accounts.length,
    states: Object.fromEntries(words.map((word) => [word, countOf(word)])),
    providers: Object.fromEntries(providers),
  };
}

/** Which accounts are shown, of how many. */
export interface Listing extends Counts {
  readonly matching: number;
  readonly page: number;
  readonly pages: number;
  /** Null: all are on one page. */
  readonly limit: number | null;
}

export interface Chosen<Account> {
  readonly listing: Listing;
  readonly shown: readonly Account[];
  /** On all pages. */
  readonly matching: readonly Account[];
}

/**
 * In their order, or, where they fill more than one page, the worst first. A page behind the last one is empty.
 * @param counts of these accounts
 */
export function choose<Account extends Traits>(
  accounts: readonly Account[],
  counts: Counts,
  selection: Selection,
  badness: (account: Account) => number,
): Chosen<Account> {
  const { limit, page } = selection;
  const found = isFiltered(selection) ? accounts.filter((one) => isWanted(one, selection)) : accounts;
  const matching = found.length > limit ? worstFirst(found, badness) : found;
  const from = page === 1 ? 0 : (page - 1) * limit;
  return {
    listing: {
      ...counts,
      matching: matching.length,
      page,
      pages: Math.max(1, Math.ceil(matching.length / limit)),
      limit: Number.isFinite(limit) ? limit : null,
    },
    shown: matching.slice(from, from + limit),
    matching,
  };
}

/** As a stable sort would have them; there are few kinds of badness, and many accounts. */
function worstFirst<Account>(
  accounts: readonly Account[],
  badness: (account: Account) => number,
): readonly Account[] {
  const kinds = new Map<number, Account[]>();
  for (const account of accounts) {
    const kind = badness(account);
    const others = kinds.get(kind);
    if (others === undefined) kinds.set(kind, [account]);
    else others.push(account);
  }
  return [...kinds].toSorted(([one], [other]) => other - one).flatMap(([, each]) => each);
}

function isWanted({ account, provider, remedy, state }: Traits, selection: Selection): boolean {
  const { match, names, providers, states } = selection;
  return (
    (states.length === 0 || states.some((word) => word === state || needs[word]?.(remedy) === true)) &&
    (providers.length === 0 || (provider !== null && providers.includes(provider))) &&
    (match === '' || account.toLowerCase().includes(match)) &&
    (names.size === 0 || names.has(account))
  );
}

/** `a,b` and `c` as three; a form sends empty ones for what was left open. */
function listed(words: readonly string[] = []): readonly string[] {
  const all = words.flatMap((word) => word.split(',').map((each) => each.trim()));
  return [...new Set(all.filter((word) => word !== ''))];
}

function wholeNumber(text: string | undefined, otherwise: number, most: number, name: string): number {
  if (text === undefined || text === '') return otherwise;
  const value = Number(text);
  if (/^\d{1,15}$/.test(text) && value >= 1 && value <= most) return value;
  const range = most < Number.MAX_SAFE_INTEGER ? `from 1 to ${most}` : 'from 1 on';
  throw new AppError('usage', `${name}: "${text}" is no whole number ${range}`);
}
