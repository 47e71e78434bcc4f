/** What is asked for in the query of an address, and the addresses that ask for it: `?state=broken&q=corp&page=2`. */
import { orDidYouMean } from '../config/nearest.js';
import { AppError } from '../core/errors.js';
import { type Bounds, type Counts, requireProviders, type Selection, selectionOf } from './listing.js';
import { stateWords } from './snapshot.js';

export type QueryLimits = Pick<Bounds, 'limit' | 'mostLimit' | 'showsAll'>;

/** Each account on the page is written anew every two seconds for whoever looks. */
export const forPeople: QueryLimits = { limit: 50, mostLimit: 500, showsAll: false };
export const forPrograms: QueryLimits = { ...forPeople, mostLimit: Number.MAX_SAFE_INTEGER, showsAll: true };

const parameters = ['state', 'provider', 'q', 'page', 'limit', 'account'] as const;
type Parameter = (typeof parameters)[number];

/** Throws AppError usage for what nobody can mean: a slip would else show all accounts as if they were those asked for. */
export function selectionIn(
  url: string,
  limits: QueryLimits,
  { providers }: Pick<Counts, 'providers'>,
): Selection {
  const query = new URLSearchParams(/\?([^#]*)/.exec(url)?.[1]);
  for (const name of query.keys())
    if (!parameters.some((known) => known === name))
      throw new AppError('usage', `there is no parameter "${name}"${orDidYouMean(name, parameters)}`, {
        hint: `there are ${parameters.join(', ')}`,
      });
  const last = (name: Parameter) => query.getAll(name).at(-1);
  const selection = selectionOf(
    {
      state: query.getAll('state'),
      provider: query.getAll('provider'),
      match: last('q'),
      page: last('page'),
      limit: last('limit'),
      names: query.getAll('account'),
    },
    { ...limits, states: stateWords, nameOf: (what) => what },
  );
  requireProviders(selection, Object.keys(providers), 'provider');
  return selection;
}

/** The same for the same selection on the page: `?state=broken`, or nothing for all accounts. */
export function queryOf({ limit, match, names, page, providers, states }: Selection): string {
  const query = new URLSearchParams();
  if (states.length > 0) query.set('state', states.join(','));
  if (providers.length > 0) query.set('provider', providers.join(','));
  if (match !== '') query.set('q', match);
  for (const name of names) query.append('account', name);
  if (limit !== forPeople.limit) query.set('limit', String(limit));
  if (page !== 1) query.set('page', String(page));
  return query.size === 0 ? '' : `?${query.toString()}`;
}
