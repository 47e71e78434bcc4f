/**
 * `status`: how each account stands, from its token file and the configuration; no mail server is asked and no daemon
 * is needed. One that runs and shows its status says how many messages it has sent. A table for people, a page of it where
 * the accounts are many; `--json` for scripts; both again and again with `--watch`.
 */
import { sleep, systemClock } from '../../core/clock.js';
import { AppError, exitStatus } from '../../core/errors.js';
import type { Found } from '../../refresh/census.js';
import { type Context, openContext } from '../context.js';
import { allAccounts, findAccount } from '../find-account.js';
import { untilInterrupted } from '../interrupt.js';
import { messagesSinceStart } from '../running-daemon.js';
import { choose, countAccounts, requireProviders } from '../../status/listing.js';
import { isWell, standingOf } from '../standing.js';
import { badness, showStandings } from '../status-screen.js';
import { type SelectionFlags, selectionFrom, stateWords } from '../status-selection.js';
import type { Ui } from '../ui.js';

export interface StatusOptions extends SelectionFlags {
  readonly configFile?: string;
  /** Empty: all. */
  readonly accounts: readonly string[];
  readonly json?: boolean;
  readonly watch?: boolean;
}

const watchEveryMs = 2_000;

/** Resolves to 0, or to 1 when an account needs attention. With `watch`, until it is interrupted. */
export function runStatus(options: StatusOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    let status = await look(options, ui);
    while (options.watch === true && ui.isRead) {
      await sleep(systemClock, watchEveryMs, signal);
      try {
        status = await look(options, ui);
      } catch (error) {
        // Whoever edits the configuration, or signs in again, is not done yet.
        if (!(error instanceof AppError)) throw error;
        if (options.json !== true) ui.clear();
        ui.fail(error.message, error.hint);
      }
    }
    return status;
  });
}

async function look(options: StatusOptions, ui: Ui): Promise<number> {
  const { accounts, configFile, json = false, watch = false } = options;
  const selection = selectionFrom(options, json);
  const context = await openContext(configFile);
  const found = await accountsMeant(accounts, context, ui);
  const state = await context.memory();
  // One moment for all: what is due now is not due a moment ago.
  const now = context.clock.now();
  const standings = await Promise.all(found.map((entry) => standingOf(entry, state, now)));
  const counts = countAccounts(standings, stateWords);
  const known = [...Object.keys(counts.providers), ...context.config.providers.keys()];
  requireProviders(selection, known, '--provider');
  const chosen = choose(standings, counts, selection, badness);
  const messages = await messagesSinceStart(context.config, chosen.shown);
  const shown = chosen.shown.map((one) => ({ ...one, messages: messages?.get(one.account) ?? null }));
  if (watch && !json) ui.clear();
  if (json) {
    const answer = { listing: chosen.listing, accounts: shown };
    // With --watch, one object a line, so that a reader of a stream knows where each ends.
    await ui.data(JSON.stringify(answer, undefined, watch ? undefined : 2));
  } else if (standings.length === 0) ui.say('There is no account yet: mailbearer get-token --help');
  else await showStandings({ ...chosen, shown }, { selection, now, fits: watch }, ui);
  return chosen.matching.every(isWell) ? exitStatus.ok : exitStatus.failed;
}

function accountsMeant(words: readonly string[], context: Context, ui: Ui): Promise<readonly Found[]> {
  return words.length === 0
    ? allAccounts(context, ui)
    : Promise.all(words.map((word) => findAccount(word, context, ui)));
}
