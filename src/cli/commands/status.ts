/**
 * `status`: how each account stands, from its token file and the configuration alone; no server is asked and no
 * daemon is needed. A table for people, `--json` for scripts; both again and again with `--watch`.
 */
import { homedir } from 'node:os';
import { type Account, isBroken, problemOf } from '../../accounts/account.js';
import type { TokenStoreName } from '../../config/config.js';
import { sleep } from '../../core/clock.js';
import { formatDuration } from '../../core/duration.js';
import { AppError, exitStatus } from '../../core/errors.js';
import { silentLogger } from '../../core/logger.js';
import { documentationOf } from '../../core/failures.js';
import type { Found } from '../../refresh/census.js';
import { describeEnd, describeTrial, endsOf } from '../../refresh/ends.js';
import { lacksRefreshToken, noRefreshToken, signInCommand } from '../../refresh/failure.js';
import { type End, endedByTrial, warningAt } from '../../refresh/foresight.js';
import { holdToken, policyOf } from '../../refresh/held-token.js';
import { recall } from '../../refresh/sign-in-memory.js';
import { findStateFile, StateFile, type TokenMemory } from '../../refresh/state-file.js';
import { type Context, openContext } from '../context.js';
import { allAccounts, findAccount } from '../find-account.js';
import { untilInterrupted } from '../interrupt.js';
import { formatTable } from '../table.js';
import type { Ui } from '../ui.js';

export interface StatusOptions {
  readonly configFile?: string;
  /** Empty: all. */
  readonly accounts: readonly string[];
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** `fresh`, `due` (the daemon refreshes it now, if it runs), `expired`, or `broken`: a person is needed. */
type State = 'fresh' | 'due' | 'expired' | 'broken';

/** As printed with `--json`: times as ISO 8601, null where nothing is known. */
interface Standing {
  readonly account: string;
  readonly token_file: string;
  /** Where the refresh token is kept; no keyring is asked for it, so that none asks a person. Null where nothing is known. */
  readonly token_store: TokenStoreName | null;
  readonly provider: string | null;
  readonly state: State;
  readonly expires_at: string | null;
  readonly last_refresh: string | null;
  readonly next_refresh: string | null;
  /** Since when its refresh token is known. */
  readonly first_seen: string | null;
  /** What is known of the end, the first one first. */
  readonly ends: readonly Ending[];
  /** What is wrong, and what mends it. An account that is kept fresh may still lack what it takes to send mail. */
  readonly problem: string | null;
  readonly hint: string | null;
  /** Where the documentation says more of it. */
  readonly docs: string | null;
}

interface Ending {
  readonly what: End['what'];
  readonly at: string;
  readonly because: End['because'];
  /** 14, 7 or 1: it ends within so many days. Null while there is more time. */
  readonly warning_days: number | null;
  readonly message: string;
  readonly hint: string;
}

const watchEveryMs = 2_000;

/** Resolves to 0, or to 1 when an account needs attention. With `watch`, until it is interrupted. */
export function runStatus(options: StatusOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    for (;;) {
      const context = await openContext(options.configFile);
      const found = await choose(options.accounts, context, ui);
      const state = await openState(context);
      const standings: Standing[] = [];
      for (const entry of found) standings.push(await standingOf(entry, state, context.clock.now()));
      await show(standings, context.clock.now(), options, ui);
      if (options.watch !== true || !ui.isRead)
        return standings.every(isWell) ? exitStatus.ok : exitStatus.failed;
      await sleep(context.clock, watchEveryMs, signal);
    }
  });
}

function choose(words: readonly string[], context: Context, ui: Ui): Promise<readonly Found[]> {
  return words.length === 0
    ? allAccounts(context, ui)
    : Promise.all(words.map((word) => findAccount(word, context, ui)));
}

function isWell({ problem, state }: Standing): boolean {
  return problem === null && (state === 'fresh' || state === 'due');
}

async function openState({ clock, config, random }: Context): Promise<StateFile> {
  const path = await findStateFile(config.stateDir, process.env, homedir());
  return StateFile.open({ path, clock, random, logger: silentLogger });
}

async function standingOf(found: Found, state: StateFile, now: number): Promise<Standing> {
  const { account } = found;
  const common = { account: account.name, token_file: account.tokenFile };
  if (!('stored' in found) || isBroken(account)) {
    const problem = problemOf(account);
    const nothing = {
      token_store: null,
      provider: null,
      expires_at: null,
      last_refresh: null,
      next_refresh: null,
      first_seen: null,
      ends: [],
    };
    return { ...common, ...nothing, state: 'broken', ...wordsOf(problem) };
  }
  const { stored } = found;
  const memory = recall(state, stored);
  const ends = (await endsOf(account, stored, memory, state.account(account.name)))
    .toSorted((one, other) => one.at - other.at)
    .map((end) => ({
      what: end.what,
      at: new Date(end.at).toISOString(),
      because: end.because,
      warning_days: warningAt(end, now) ?? null,
      ...describeEnd(account, end, now),
    }));
  const held = holdToken(stored, policyOf(account), now, 0);
  const standing = held === undefined ? 'expired' : now >= held.dueAt ? 'due' : 'fresh';
  const problem = lacksRefreshToken(account, stored)
    ? noRefreshToken(account)
    : (endedSignIn(account, memory) ?? problemOf(account));
  return {
    ...common,
    token_store: account.tokenStore,
    provider: account.provider.name,
    state: standing,
    expires_at: stored.expiresAt === 0 ? null : new Date(stored.expiresAt).toISOString(),
    last_refresh: new Date(stored.writtenAt).toISOString(),
    next_refresh: new Date(Math.max(now, held?.dueAt ?? now)).toISOString(),
    first_seen: memory === undefined ? null : new Date(memory.firstSeenAt).toISOString(),
    ends: memory?.endedAt === undefined ? ends : ends.filter(({ what }) => what !== 'sign-in'),
    ...wordsOf(problem),
  };
}

/** The provider refused it for good when it was last asked. */
function endedSignIn(account: Account, memory: TokenMemory | undefined): AppError | undefined {
  if (memory?.endedAt === undefined) return undefined;
  const { endedAt, firstSeenAt } = memory;
  const trial = endedByTrial(account.provider.signInLife, firstSeenAt, endedAt);
  const advice = (trial ? describeTrial(account) : undefined) ?? {
    message: `the sign-in of ${account.name} ended on ${new Date(endedAt).toISOString().slice(0, 10)}`,
    hint: signInCommand(account),
  };
  return new AppError('grant-dead', advice.message, { hint: advice.hint });
}

function wordsOf(problem: ReturnType<typeof problemOf>): Pick<Standing, 'problem' | 'hint' | 'docs'> {
  if (problem === undefined) return { problem: null, hint: null, docs: null };
  return { problem: problem.message, hint: problem.hint ?? null, docs: documentationOf(problem.code) };
}

async function show(
  standings: readonly Standing[],
  now: number,
  { json, watch }: StatusOptions,
  ui: Ui,
): Promise<void> {
  // With --watch, one object a line, so that a reader of a stream knows where each ends.
  if (json === true) return ui.data(JSON.stringify(standings, undefined, watch === true ? undefined : 2));
  if (standings.length === 0) return ui.say('There is no account yet: mailbearer get-token --help');
  const rows = standings.map((one) => [
    one.account,
    one.provider ?? '-',
    one.state,
    untilThen(one.expires_at, now),
    sinceThen(one.last_refresh, now),
    one.state === 'broken' ? '-' : untilThen(one.next_refresh, now),
    firstEnd(one, now),
  ]);
  const header = ['ACCOUNT', 'PROVIDER', 'STATE', 'EXPIRES', 'REFRESHED', 'NEXT REFRESH', 'FIRST END'];
  if (watch === true) ui.clear();
  for (const line of formatTable([header, ...rows], ui.width)) await ui.data(line);
  for (const { account, ends, hint, problem } of standings) {
    if (problem !== null) ui.fail(`${account}: ${problem}`, hint ?? undefined);
    for (const end of ends) {
      if (end.warning_days === null) continue;
      ui.warn(end.message);
      ui.hint(end.hint);
    }
  }
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
