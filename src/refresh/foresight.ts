/**
 * What is known of the end of a sign-in, a client secret or a certificate, and when to warn of it: arithmetic and
 * nothing else. All times are milliseconds since the epoch. What the ends are reckoned from is ends.ts's.
 */
import type { SignInLife } from '../providers/provider.js';

export const dayMs = 86_400_000;

/** Warned of when so many days are left, or fewer. */
export const warningDays = [1, 7, 14] as const;
export type WarningDays = (typeof warningDays)[number];

export type EndingThing = 'sign-in' | 'client-secret' | 'certificate';

export interface End {
  readonly what: EndingThing;
  readonly at: number;
  /**
   * `unused`: it ends then if it is not used before. `announced`: the provider named the time. `trial`: the one
   * before it ended after the provider's time for trials. `dated`: it says so itself, or the configuration does.
   */
  readonly because: 'unused' | 'announced' | 'trial' | 'dated';
}

export interface SignInFacts {
  readonly life: SignInLife;
  readonly firstSeenAt: number;
  readonly lastUsedAt: number;
  readonly announcedEndAt: number | undefined;
  /** Whether the account's sign-ins are known to be for trial. */
  readonly onTrial: boolean;
}

/** The first of the ends that are known; undefined when none is. */
export function signInEnd(facts: SignInFacts): End | undefined {
  const { announcedEndAt, firstSeenAt, lastUsedAt, life, onTrial } = facts;
  const ends: End[] = [];
  if (life.idleDays !== undefined)
    ends.push({ what: 'sign-in', at: lastUsedAt + life.idleDays * dayMs, because: 'unused' });
  if (announcedEndAt !== undefined) ends.push({ what: 'sign-in', at: announcedEndAt, because: 'announced' });
  if (life.trial !== undefined && onTrial && announcedEndAt === undefined)
    ends.push({ what: 'sign-in', at: firstSeenAt + life.trial.days * dayMs, because: 'trial' });
  return earliest(ends);
}

export function earliest(ends: readonly End[]): End | undefined {
  return ends.reduce<End | undefined>(
    (first, end) => (first === undefined || end.at < first.at ? end : first),
    undefined,
  );
}

/** An attempt comes about once an hour, so an end is noticed soon; the sign-in may have been seen a little late. */
const trialSlackDays = { early: 0.25, late: 1 };

/** Whether a sign-in ended when one that is only for trial would. */
export function endedByTrial({ trial }: SignInLife, firstSeenAt: number, endedAt: number): boolean {
  if (trial === undefined) return false;
  const days = (endedAt - firstSeenAt) / dayMs;
  return days >= trial.days - trialSlackDays.early && days <= trial.days + trialSlackDays.late;
}

/** Whether a sign-in has outlived the provider's time for trials, and so is for good. */
export function outlivedTrial({ trial }: SignInLife, firstSeenAt: number, now: number): boolean {
  return trial !== undefined && now - firstSeenAt > (trial.days + trialSlackDays.late) * dayMs;
}

/** The warning that holds now; undefined while there is more time. */
export function warningAt({ at }: Pick<End, 'at'>, now: number): WarningDays | undefined {
  return warningDays.find((days) => at - now <= days * dayMs);
}

/** A warning that was given, of which end. */
export interface GivenWarning {
  readonly at: number;
  readonly days: WarningDays;
}

/**
 * The warning to give now: each once for an end, and of those that were missed only the last. A provider's "in so many
 * seconds" makes an end that moves a little each time; less than a day is the same end.
 */
export function dueWarning(
  end: Pick<End, 'at'>,
  now: number,
  given: GivenWarning | undefined,
): WarningDays | undefined {
  const days = warningAt(end, now);
  const wasGiven = given !== undefined && Math.abs(given.at - end.at) < dayMs;
  return days === undefined || (wasGiven && given.days <= days) ? undefined : days;
}
