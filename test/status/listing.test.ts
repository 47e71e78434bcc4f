import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { selectionFrom } from '../../src/cli/status-selection.js';
import {
  choose,
  countAccounts,
  isFiltered,
  requireProviders,
  selectionOf,
  type Traits,
  wordsForState,
} from '../../src/status/listing.js';
import { forPeople, forPrograms, queryOf, selectionIn } from '../../src/status/query.js';

const none = { providers: {} };
const states = ['fresh', 'expired', 'broken'];
const words = wordsForState(states);

/** What is thrown. */
function complaint(act: () => unknown): object {
  try {
    act();
  } catch (error) {
    const { code, hint, message } = error as { code: string; hint?: string; message: string };
    return { code, hint, message };
  }
  throw new Error('it was taken');
}

describe('what is asked for in an address', () => {
  it.each([
    ['/', ''],
    ['/?state=&provider=&q=&page=&limit=', ''],
    ['/?state=broken&state=due,broken', '?state=broken%2Cdue'],
    ['/?provider=gmail&q=%20Corp&page=2&limit=50', '?provider=gmail&q=corp&page=2'],
    ['/?limit=10&page=1', '?limit=10'],
    ['/?account=a,b&account=c%26d', '?account=a%2Cb&account=c%26d'],
  ])('comes back the same: %s', (url, query) => {
    const selection = selectionIn(url, forPeople, none);
    expect(queryOf(selection)).toBe(query);
    expect(selectionIn(`/${query}`, forPeople, none)).toEqual(selection);
  });

  it.each([
    ['/?state=brokn', 'state: there is no "brokn"; did you mean "broken"?'],
    ['/?state=fresh,needs-signin', 'state: there is no "needs-signin"; did you mean "needs-sign-in"?'],
    ['/?state=constructor', 'state: there is no "constructor"'],
    ['/?provider=gmial', 'provider: there is no "gmial"; did you mean "gmail"?'],
    ['/?provider=copr', 'provider: there is no "copr"; did you mean "corp"?'],
    ['/?page=0', 'page: "0" is no whole number from 1 on'],
    ['/?page=1e3', 'page: "1e3" is no whole number from 1 on'],
    ['/?page=9999999999999999', 'page: "9999999999999999" is no whole number from 1 on'],
    ['/?limit=501', 'limit: "501" is no whole number from 1 to 500'],
    ['/?limit=-1', 'limit: "-1" is no whole number from 1 to 500'],
    ['/?stat=fresh', 'there is no parameter "stat"; did you mean "state"?'],
  ])('%s is refused by its name', (url, message) => {
    expect(complaint(() => selectionIn(url, forPeople, { providers: { corp: 1 } }))).toMatchObject({
      code: 'usage',
      message,
    });
  });

  it('is all for programs, unless they turn pages', () => {
    expect(selectionIn('/', forPrograms, none).limit).toBe(Infinity);
    expect(selectionIn('/?page=2', forPrograms, none).limit).toBe(50);
    expect(selectionIn('/?limit=5000', forPrograms, none).limit).toBe(5000);
    expect(selectionIn('/', forPeople, none).limit).toBe(50);
  });
});

describe('what is asked for by flags', () => {
  it('is a hundred for people, and all for programs or on demand', () => {
    expect(selectionFrom({}, false).limit).toBe(100);
    expect(selectionFrom({ page: '2' }, true).limit).toBe(100);
    expect(selectionFrom({}, true).limit).toBe(Infinity);
    expect(selectionFrom({ all: true }, false).limit).toBe(Infinity);
  });

  it('is refused by the name of the flag', () => {
    expect(complaint(() => selectionFrom({ state: ['expird'] }, false))).toEqual({
      code: 'usage',
      message: '--state: there is no "expird"; did you mean "expired"?',
      hint: 'it is one or more of fresh, due, expired, broken, needs-attention, needs-sign-in',
    });
    expect(complaint(() => selectionFrom({ limit: '0' }, true))).toMatchObject({
      message: '--limit: "0" is no whole number from 1 on',
    });
    const selection = selectionFrom({ provider: ['gmail', 'own'] }, false);
    expect(() => requireProviders(selection, ['own'], '--provider')).not.toThrow();
    expect(() => requireProviders(selection, [], '--provider')).toThrow('--provider: there is no "own"');
  });
});

describe('accounts', () => {
  const account = fc.record({
    account: fc.constantFrom('a@one.example', 'b@ONE.example', 'c@two.example'),
    provider: fc.constantFrom('gmail', 'outlook', null),
    state: fc.constantFrom(...states),
    remedy: fc.constantFrom('retry', 'reauthorize', 'fix-config', null),
  });
  const badness = ({ state }: Traits) => states.indexOf(state);
  const query = fc.record({
    state: fc.subarray([...words]),
    provider: fc.subarray(['gmail', 'outlook']),
    match: fc.constantFrom('', '@one', 'C@', 'nobody'),
    limit: fc.constantFrom('1', '3', '7', undefined),
  });
  const bounds = { states: words, limit: 5, mostLimit: 100, showsAll: false, nameOf: String };

  it('are each on one page if they match, the worst first where there are several pages', () => {
    fc.assert(
      fc.property(fc.array(account, { maxLength: 40 }), query, (accounts, wanted) => {
        const counts = countAccounts(accounts, words);
        const at = (page: number) =>
          choose(accounts, counts, selectionOf({ ...wanted, page: String(page) }, bounds), badness);
        const { listing, matching } = at(1);
        const pages = Array.from({ length: listing.pages }, (_, index) => at(index + 1).shown);
        expect(pages.flat()).toEqual(matching);
        expect(pages.slice(0, -1).every(({ length }) => length === listing.limit)).toBe(true);
        expect(at(listing.pages + 1).shown).toEqual([]);
        const expected = accounts.filter(
          ({ account, provider, remedy, state }) =>
            (wanted.state.length === 0 ||
              wanted.state.includes(state) ||
              (wanted.state.includes('needs-attention') && remedy !== null) ||
              (wanted.state.includes('needs-sign-in') && remedy === 'reauthorize')) &&
            (wanted.provider.length === 0 || wanted.provider.includes(String(provider))) &&
            account.toLowerCase().includes(wanted.match.toLowerCase()),
        );
        const inOrder =
          listing.pages === 1 ? expected : expected.toSorted((one, other) => badness(other) - badness(one));
        expect(matching).toEqual(inOrder);
      }),
    );
  });

  it('are counted by each word that finds them', () => {
    fc.assert(
      fc.property(fc.array(account, { maxLength: 40 }), (accounts) => {
        const counts = countAccounts(accounts, words);
        const found = (wanted: object) =>
          choose(accounts, counts, selectionOf(wanted, bounds), badness).listing.matching;
        for (const word of words) expect(found({ state: [word] })).toBe(counts.states[word]);
        for (const [provider, count] of Object.entries(counts.providers))
          expect(found({ provider: [provider] })).toBe(count);
        expect(counts.total).toBe(found({}));
      }),
    );
  });

  it('that are named are found whole', () => {
    const accounts = ['a', 'aa', 'b'].map((name) => ({
      account: name,
      provider: null,
      state: 'fresh',
      remedy: null,
    }));
    const selection = selectionOf({ names: ['a', 'c'] }, bounds);
    expect(isFiltered(selection)).toBe(true);
    expect(choose(accounts, countAccounts(accounts, words), selection, badness).shown).toEqual([accounts[0]]);
  });
});
