/**
 * The accounts on the status page: all of them where they are few; otherwise counted, a page at a time, the worst
 * first, and chosen by links and a form, neither of which needs a script.
 */
import { accountCard } from './account-card.js';
import { isFiltered, type Selection } from './listing.js';
import { html, type Markup } from './markup.js';
import { forPeople, queryOf } from './query.js';
import { type Snapshot, stateWords, tokenStates } from './snapshot.js';
import { counted, describeStateWord, number } from './words.js';

export function accountList(snapshot: Snapshot, selection: Selection): Markup {
  const { accounts, listing, time } = snapshot;
  if (listing.total === 0)
    return html`<p class="card">There is none yet: <code>mailbearer get-token --help</code></p>`;
  const isLong = listing.total > forPeople.limit;
  const now = Date.parse(time);
  return html`${isLong ? summaryOf(listing) : undefined} ${placeOf(snapshot, selection)}
  ${accounts.map((account) => accountCard(account, now))}
  ${listing.pages > 1 ? turns(listing, selection) : undefined}`;
}

/** Above what is live, so that nobody loses what they type; nothing where the accounts are few and all are shown. */
export function filterForm({ listing }: Snapshot, selection: Selection): Markup | undefined {
  if (listing.total <= forPeople.limit && !isFiltered(selection)) return undefined;
  const { limit, match } = selection;
  const providers = Object.keys(listing.providers).toSorted();
  return html`<form class="filter" action="/" role="search" aria-label="Accounts">
    ${choiceOf('state', 'State', stateWords, selection.states, describeStateWord)}
    ${providers.length > 1 || selection.providers.length > 0 ? choiceOf('provider', 'Provider', providers, selection.providers, String) : undefined}
    <label>Name contains <input type="search" name="q" value="${match}" /></label>
    ${limit === forPeople.limit ? undefined : html`<input type="hidden" name="limit" value="${limit}" />`}
    <button>Show</button>
    ${isFiltered(selection) ? html`<a href="/">all accounts</a>` : undefined}
  </form>`;
}

function choiceOf(
  name: string,
  label: string,
  words: readonly string[],
  chosen: readonly string[],
  describe: (word: string) => string,
): Markup {
  // Several come by a link only; they stay chosen together.
  const several = chosen.length > 1 || chosen.some((word) => !words.includes(word)) ? [chosen] : [];
  const options = [...words.map((word) => [word]), ...several].map((each) => {
    const value = each.join(',');
    const selected = value === chosen.join(',') ? html`selected` : undefined;
    return html`<option value="${value}" ${selected}>${each.map(describe).join(', ')}</option>`;
  });
  return html`<label
    >${label}
    <select name="${name}">
      <option value="">any</option>
      ${options}
    </select></label
  >`;
}

/** `10,000 accounts: 9,990 fresh, 10 cannot be used; 10 in need of attention.`, each a link to those. */
function summaryOf({ states, total }: Snapshot['listing']): Markup {
  const links = (words: readonly string[]) =>
    words
      .filter((word) => states[word] !== 0)
      .map((word, at) => {
        const text = `${number(states[word] ?? 0)} ${describeStateWord(word)}`;
        return html`${at === 0 ? '' : ', '}<a href="/?state=${word}">${text}</a>`;
      });
  const needs = links(stateWords.slice(tokenStates.length));
  return html`<p class="card">
    ${counted(total, 'account')}: ${links(tokenStates)}${needs.length === 0 ? '' : '; '}${needs}.
  </p>`;
}

/** `51 to 100 of 10,000.`; nothing where all are shown. */
function placeOf({ accounts, listing }: Snapshot, selection: Selection): Markup | undefined {
  const { limit, matching, page, pages, total } = listing;
  const shown = accounts.length;
  if (shown === total) return undefined;
  const first = (page - 1) * (limit ?? 0) + 1;
  const range = `${number(first)} to ${number(first + shown - 1)} of ${number(matching)}`;
  return html`<p class="dim range">
    ${
      matching === 0
        ? `None of ${counted(total, 'account')} matches.`
        : shown === 0
          ? `There is no page ${number(page)}: page ${number(pages)} is the last.`
          : `${range}${isFiltered(selection) ? ' that match' : ''}.`
    }
  </p>`;
}

function turns({ page, pages }: Snapshot['listing'], selection: Selection): Markup {
  const link = (to: number, rel: 'prev' | 'next', text: string) =>
    to < 1 || to > pages
      ? undefined
      : html`<a id="${rel}" rel="${rel}" href="/${queryOf({ ...selection, page: to })}">${text}</a>`;
  return html`<nav class="pages" aria-label="Pages of accounts">
    ${link(Math.min(page - 1, pages), 'prev', 'Previous')}<span>Page ${number(page)} of ${number(pages)}</span
    >${link(page + 1, 'next', 'Next')}
  </nav>`;
}
