import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Standing } from '../../src/cli/standing.js';
import { badness, showStandings } from '../../src/cli/status-screen.js';
import { type SelectionFlags, selectionFrom, stateWords } from '../../src/cli/status-selection.js';
import { createUi } from '../../src/cli/ui.js';
import { choose, countAccounts } from '../../src/status/listing.js';

const now = Date.parse('2027-01-01');

function standing(account: string, over: Partial<Standing> = {}): Standing {
  return {
    account,
    token_file: `/etc/tokens/${account}`,
    token_store: 'file',
    provider: 'gmail',
    state: 'fresh',
    expires_at: new Date(now + 3_600_000).toISOString(),
    last_refresh: new Date(now).toISOString(),
    next_refresh: new Date(now).toISOString(),
    first_seen: null,
    ends: [],
    problem: null,
    hint: null,
    docs: null,
    remedy: null,
    ...over,
  };
}

/** The lines on a terminal of this size. */
async function shown(
  standings: readonly Standing[],
  fits: boolean,
  columns: number,
  rows: number,
  flags: SelectionFlags = {},
): Promise<string[]> {
  const screen = Object.assign(new PassThrough(), { isTTY: true, columns, rows });
  const stream = screen as unknown as NodeJS.WriteStream;
  const ui = createUi({ stdin: process.stdin, stdout: stream, stderr: stream }, { NO_COLOR: '1' });
  const selection = selectionFrom(flags, false);
  const counts = countAccounts(standings, stateWords);
  await showStandings(choose(standings, counts, selection, badness), { selection, now, fits }, ui);
  screen.end();
  const text = (await screen.toArray()).join('');
  return text.trimEnd().split('\n');
}

const problem = { problem: 'the token has expired', hint: 'mailbearer refresh', remedy: 'retry' } as const;
const many = [
  ...Array.from({ length: 30 }, (_, at) => standing(`fresh${at}`)),
  standing('due', { state: 'due' }),
  standing('expired', { state: 'expired', ...problem }),
  standing('broken', { state: 'broken', ...problem }),
];
const names = (lines: readonly string[]) => lines.map((line) => line.split(' ')[0]);

describe('the screen of status', () => {
  test('counts more than anybody reads, and shows the worst of them', async () => {
    const fleet = [...many, ...Array.from({ length: 9_967 }, (_, at) => standing(`more${at}`))];
    const lines = await shown(fleet, false, 120, 80);
    expect(lines[0]).toBe('10000 accounts: 9997 fresh, 1 due, 1 expired, 1 broken; page 1 of 100');
    expect(names(lines).slice(1, 5)).toEqual(['ACCOUNT', 'broken', 'expired', 'due']);
    expect(lines.at(-1)).toBe('… and 9900 more, of which none needs attention: --page 2, or --all');
    expect(lines).toHaveLength(107);
  });

  test('goes on where the page before has ended, to the last', async () => {
    const pages = await Promise.all(
      ['1', '2', '3', '4'].map((page) => shown(many, false, 120, 80, { limit: '15', page })),
    );
    const shownNames = pages.flatMap((lines) =>
      names(lines).filter((name) => many.some(({ account }) => account === name)),
    );
    expect(shownNames).toEqual([
      ...['broken', 'expired', 'due'],
      ...many.slice(0, 30).map(({ account }) => account),
    ]);
    expect(pages.map(([first]) => first?.split('; ')[1])).toEqual([
      'page 1 of 3',
      'page 2 of 3',
      'page 3 of 3',
      undefined,
    ]);
    expect(pages[2]?.at(-1)).toBe('… and 30 more, of which 2 need attention: --page 1, or --all');
    expect(pages[3]).toEqual(['33 accounts, and no page 4: page 3 is the last']);
  });

  test('says of how many those are that were asked for', async () => {
    const needy = await shown(many, false, 120, 80, { state: ['needs-attention'] });
    expect(needy[0]).toBe('2 of 33 accounts: 1 expired, 1 broken');
    expect(names(needy).slice(1)).toEqual([
      ...['ACCOUNT', 'expired', 'broken'],
      ...['mailbearer:', 'hint:', 'mailbearer:', 'hint:'],
    ]);
    expect(await shown(many, false, 120, 80, { match: 'nobody' })).toEqual([
      '0 of 33 accounts are like that',
    ]);
    expect(await shown(many, true, 120, 6, { match: 'fresh1' })).toEqual([
      '11 of 33 accounts: 11 fresh',
      expect.stringMatching(/^ACCOUNT/),
      ...['fresh1 ', 'fresh10 '].map((name) => expect.stringMatching(`^${name}`) as string),
      '… and 9 more, of which none needs attention',
    ]);
  });

  test('shows all in their order where there is room, or nobody watches', async () => {
    expect(names(await shown(many, true, 120, 80))).toEqual([
      'ACCOUNT',
      ...many.map(({ account }) => account),
      'mailbearer:',
      'hint:',
      'mailbearer:',
      'hint:',
    ]);
    expect(await shown(many, false, 120, 10)).toHaveLength(38);
  });

  test('shows the worst first on a terminal with fewer lines, and says how many are left out', async () => {
    const lines = await shown(many, true, 120, 12);
    expect(lines).toHaveLength(11);
    expect(names(lines).slice(0, 6)).toEqual(['ACCOUNT', 'broken', 'expired', 'due', 'fresh0', 'fresh1']);
    expect(lines.at(-1)).toBe('… and 28 more, of which none needs attention');
    expect((await shown(many, true, 120, 6)).at(-1)).toBe('… and 32 more, of which 1 needs attention');
  });

  test('counts the lines that a narrow terminal makes of one', async () => {
    const long = { problem: 'x'.repeat(100), hint: 'y'.repeat(100) };
    const broken = ['a', 'b', 'c'].map((name) => standing(name, { state: 'broken', ...long }));
    const lines = await shown(broken, true, 60, 12);
    expect(names(lines)).toEqual(['ACCOUNT', '', 'a', '', 'mailbearer:', 'hint:', '…']);
  });
});
