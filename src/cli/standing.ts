/**
 * How an account stands, from its token file, the configuration and what is remembered of it: what `status` shows. No
 * server and no keyring is asked.
 */
import { type Account, isBroken, problemOf } from '../accounts/account.js';
import { AppError, type Remedy } from '../core/errors.js';
import { documentationOf } from '../core/failures.js';
import type { Found } from '../refresh/census.js';
import { describeEnd, describeTrial, endsOf } from '../refresh/ends.js';
import { lacksRefreshToken, noRefreshToken, signInCommand } from '../refresh/failure.js';
import { type End, endedByTrial, warningAt } from '../refresh/foresight.js';
import { holdToken, policyOf } from '../refresh/held-token.js';
import { recall } from '../refresh/sign-in-memory.js';
import type { StateFile, TokenMemory } from '../refresh/state-file.js';
import type { StoredToken } from '../tokens/token.js';

/** `fresh`, `due` (the daemon refreshes it now, if it runs), `expired`, or `broken`: a person is needed. */
export type State = 'fresh' | 'due' | 'expired' | 'broken';

/** As printed with `--json`: times as ISO 8601, null where nothing is known. */
export interface Standing {
  readonly account: string;
  readonly token_file: string;
  /** Where the refresh token is kept; no keyring is asked for it, so that none asks a person. Null where nothing is known. */
  readonly token_store: Account['tokenStore'] | null;
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
  /** What mends it: waiting (`retry`), a sign-in (`reauthorize`), or a change of the configuration. */
  readonly remedy: Remedy | null;
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

export function isWell({ remedy }: Standing): boolean {
  return remedy === null;
}

export async function standingOf(found: Found, state: StateFile, now: number): Promise<Standing> {
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
  const memory = recall(state, account, stored);
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
  const hasEnded = memory?.endedAt !== undefined;
  const without = hasEnded ? 'broken' : 'expired';
  const standing = held === undefined ? without : now >= held.dueAt ? 'due' : 'fresh';
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
    next_refresh: hasEnded ? null : new Date(Math.max(now, held?.dueAt ?? now)).toISOString(),
    first_seen: memory === undefined ? null : new Date(memory.firstSeenAt).toISOString(),
    ends: hasEnded ? ends.filter(({ what }) => what !== 'sign-in') : ends,
    ...(problem === undefined && standing === 'expired' ? expired(account, stored) : wordsOf(problem)),
  };
}

type Words = Pick<Standing, 'problem' | 'hint' | 'docs' | 'remedy'>;

/** As far as is known a refresh mends it, and says it if not. */
function expired({ name }: Account, { accessToken }: StoredToken): Words {
  return {
    problem: accessToken === undefined ? 'there is no token yet' : 'the token has expired',
    hint: `mailbearer refresh ${name}; a running serve does it by itself, and its log says why it cannot`,
    docs: null,
    remedy: 'retry',
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

function wordsOf(problem: ReturnType<typeof problemOf>): Words {
  if (problem === undefined) return { problem: null, hint: null, docs: null, remedy: null };
  const { code, failure, hint = null, message } = problem;
  return { problem: message, hint, docs: documentationOf(code), remedy: failure.remedy };
}
