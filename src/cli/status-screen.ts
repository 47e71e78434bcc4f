/**
 * What `status` shows people: a line for each account, and below, for those that need somebody, what is wrong and what
 * mends it; before them, where not all are shown, how many there are of each kind. Where it is shown again and again, it
 * is never more than the terminal has lines: the worst first then.
 */
import { formatDuration } from '../core/duration.js';
import { type Chosen, isFiltered, type Selection } from '../status/listing.js';
import type { MessageTotals } from '../status/snapshot.js';
import { isWell, type Standing } from './standing.js';
import { states } from './status-selection.js';
import { formatTable } from './table.js';
import type { Ui } from './ui.js';

/** With what the daemon says of the account's messages since it started; null where none says anything. */
type Shown = Standing & { readonly messages?: MessageTotals | null };

const header = ['ACCOUNT', 'PROVIDER', 'STATE', 'EXPIRES', 'REFRESHED', 'NEXT REFRESH', 'FIRST END'];

export interface Screen {
  readonly selection: Selection;
  readonly now: number;
  /** No more than the terminal has room for. */
  readonly fits: boolean;
}

export async function showStandings(chosen: Chosen<Shown>, screen: Screen, ui: Ui): Promise<void> {
  const { fits, now } = screen;
  const summary = summaryOf(chosen, screen);
  if (summary !== undefined) ui.say(summary);
  if (chosen.shown.length === 0) return;
  const shown = fits ? chooseFitting(chosen.shown, now, ui, summary === undefined ? 0 : 1) : chosen.shown;
  for (const line of tableOf(shown, now, ui)) await ui.data(line);
  for (const { message, hint, isWarning } of shown.flatMap(wordsAbout)) {
    if (!isWarning) ui.fail(message, hint);
    else {
      ui.warn(message);
      if (hint !== undefined) ui.hint(hint);
    }
  }
  const rest = chosen.matching.length - shown.length;
  if (rest === 0) return;
  const unwell = countUnwell(chosen.matching) - countUnwell(shown);
  const needy = unwell === 0 ? 'none needs' : unwell === 1 ? '1 needs' : `${unwell} need`;
  ui.say(`… and ${rest} more, of which ${needy} attention${fits ? '' : wayOn(chosen)}`);
}

/** `10000 accounts: 9990 fresh, 10 broken`, or how many of them are asked for; undefined where all are shown. */
function summaryOf({ listing, matching, shown }: Chosen<Shown>, { selection }: Screen): string | undefined {
  const { page, pages, total } = listing;
  if (shown.length === total) return undefined;
  const which = isFiltered(selection) ? `${matching.length} of ${total}` : String(total);
  if (matching.length === 0) return `${which} accounts are like that`;
  if (shown.length === 0) return `${which} accounts, and no page ${page}: page ${pages} is the last`;
  return `${which} accounts: ${countsOf(matching)}${pages === 1 ? '' : `; page ${page} of ${pages}`}`;
}

/** Flags that show the others. */
function wayOn({ listing: { page, pages } }: Chosen<Shown>): string {
  return `: --page ${page < pages ? page + 1 : 1}, or --all`;
}

function countUnwell(standings: readonly Shown[]): number {
  return standings.filter((one) => !isWell(one)).length;
}

function tableOf(standings: readonly Shown[], now: number, ui: Ui): string[] {
  const counts = standings.some(({ messages }) => messages);
  const rows = standings.map((one) => [
    one.account,
    one.provider ?? '-',
    one.state,
    untilThen(one.expires_at, now),
    sinceThen(one.last_refresh, now),
    one.state === 'broken' ? '-' : untilThen(one.next_refresh, now),
    firstEnd(one, now),
    ...(counts ? [sentOf(one)] : []),
  ]);
  return formatTable([counts ? [...header, 'SENT'] : header, ...rows], ui.width);
}

interface Words {
  readonly message: string;
  readonly hint: string | undefined;
  readonly isWarning: boolean;
}

function wordsAbout({ account, ends, hint, problem }: Standing): Words[] {
  const near = ends.filter((end) => end.warning_days !== null);
  return [
    ...(problem === null
      ? []
      : [{ message: `${account}: ${problem}`, hint: hint ?? undefined, isWarning: false }]),
    ...near.map((end) => ({ message: end.message, hint: end.hint, isWarning: true })),
  ];
}

/** `9990 fresh, 10 broken` */
function countsOf(standings: readonly Shown[]): string {
  const counts = states.map((state) => ({
    state,
    count: standings.filter((one) => one.state === state).length,
  }));
  return counts
    .filter(({ count }) => count > 0)
    .map(({ count, state }) => `${count} ${state}`)
    .join(', ');
}

/** All in their order, or as many of the worst as there is room for, and one in any case. */
function chooseFitting(
  standings: readonly Shown[],
  now: number,
  ui: Ui,
  linesAbove: number,
): readonly Shown[] {
  const height = (ui.height ?? Infinity) - linesAbove;
  // The cursor needs a line of its own.
  if (linesOf(standings, now, ui) < height) return standings;
  const worstFirst = standings.toSorted((one, other) => badness(other) - badness(one));
  let count = 1;
  while (count < standings.length && linesOf(worstFirst.slice(0, count + 1), now, ui) + 1 < height) count++;
  return worstFirst.slice(0, count);
}

function linesOf(standings: readonly Shown[], now: number, ui: Ui): number {
  const { width = Infinity } = ui;
  const words = standings
    .flatMap(wordsAbout)
    .flatMap(({ hint, isWarning, message }) => [
      `${isWarning ? 'warning' : 'mailbearer'}: ${message}`,
      ...(hint === undefined ? [] : [`hint: ${hint}`]),
    ]);
  return [...tableOf(standings, now, ui), ...words]
    .map((line) => Math.max(1, Math.ceil(line.length / width)))
    .reduce((sum, lines) => sum + lines, 0);
}

/** How urgently somebody is needed. */
export function badness({ ends, problem, state }: Standing): number {
  if (state === 'broken') return 5;
  if (state === 'expired') return 4;
  if (problem !== null) return 3;
  if (ends.some((end) => end.warning_days !== null)) return 2;
  return state === 'due' ? 1 : 0;
}

/** `12`, or `12 (3 not)` of 15. */
function sentOf({ messages }: Shown): string {
  if (messages === null || messages === undefined) return '-';
  const others = messages.deferred + messages.refused + messages.cut_off;
  return `${messages.sent}${others === 0 ? '' : ` (${others} not)`}`;
}

/** `sign-in in 90d`: a day is exact enough. */
function firstEnd({ ends: [end] }: Standing, now: number): string {
  if (end === undefined) return '-';
  const days = Math.round((Date.parse(end.at) - now) / 86_400_000);
  return `${end.what} ${days < 0 ? `${-days}d ago` : `in ${days}d`}`;
}

function untilThen(time: string | null, now: number): string {
  if (time === null) return '-';
  const seconds = (Date.parse(time) - now) / 1000;
  if (seconds < 0) return `${formatDuration(-seconds)} ago`;
  return seconds < 1 ? 'now' : `in ${formatDuration(seconds)}`;
}

function sinceThen(time: string | null, now: number): string {
  if (time === null) return '-';
  return `${formatDuration(Math.max(0, (now - Date.parse(time)) / 1000))} ago`;
}
