/**
 * What `state.json` says, read leniently (an entry that is not understood is dropped) and written strictly, with times
 * as ISO 8601. Pure.
 */
import type { EndingThing, GivenWarning } from './foresight.js';
import { warningDays } from './foresight.js';

/** An event that was told and still holds. */
export type Trouble = 'refresh-failing' | 'needs-authorization';

/** Of one refresh token. */
export interface TokenMemory {
  readonly account: string;
  readonly firstSeenAt: number;
  readonly lastUsedAt: number | undefined;
  /** As its provider said. */
  readonly announcedEndAt: number | undefined;
  /** The provider refused it for good. */
  readonly endedAt: number | undefined;
}

export interface AccountMemory {
  /** When anything was last known of it. */
  readonly seenAt?: number | undefined;
  readonly trouble?: Trouble | undefined;
  /** Whether a sign-in of it ended after the provider's time for trials. */
  readonly onTrial?: boolean | undefined;
  readonly warned?: Readonly<Partial<Record<EndingThing, GivenWarning>>> | undefined;
}

export interface State {
  /** By fingerprint. */
  readonly tokens: Map<string, TokenMemory>;
  /** By name. */
  readonly accounts: Map<string, AccountMemory>;
}

/** A line for each token and each account: thousands are not all made objects and strings of at once. */
export function formatState({ accounts, tokens }: State): string {
  return `{\n  "tokens": ${formatEntries(tokens, fieldsOfToken)},\n  "accounts": ${formatEntries(accounts, fieldsOfAccount)}\n}\n`;
}

function formatEntries<T>(entries: ReadonlyMap<string, T>, fieldsOfEntry: (entry: T) => object): string {
  let lines = '';
  for (const [key, entry] of entries) {
    const comma = lines === '' ? '' : ',';
    lines += `${comma}\n    ${JSON.stringify(key)}: ${JSON.stringify(fieldsOfEntry(entry))}`;
  }
  return `{${lines}\n  }`;
}

function fieldsOfToken({ account, announcedEndAt, endedAt, firstSeenAt, lastUsedAt }: TokenMemory): object {
  return {
    account,
    first_seen: iso(firstSeenAt),
    last_used: iso(lastUsedAt),
    announced_end: iso(announcedEndAt),
    ended: iso(endedAt),
  };
}

function fieldsOfAccount({ onTrial, seenAt, trouble, warned = {} }: AccountMemory): object {
  const warnings = Object.entries(warned).map(([what, { at, days }]) => [what, { end: iso(at), days }]);
  const ofAll = Object.fromEntries(warnings) as object;
  return { seen: iso(seenAt), trouble, on_trial: onTrial, warned: ofAll };
}

/** Never throws; what is no state is an empty one. */
export function parseState(text: string): State {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const tokens = entriesOf(fieldsOf(json)['tokens']).flatMap(([print, fields]) => {
    const { account } = fields;
    const firstSeenAt = time(fields['first_seen']);
    if (typeof account !== 'string' || firstSeenAt === undefined) return [];
    const token: TokenMemory = {
      account,
      firstSeenAt,
      lastUsedAt: time(fields['last_used']),
      announcedEndAt: time(fields['announced_end']),
      endedAt: time(fields['ended']),
    };
    return [[print, token] as const];
  });
  const accounts = entriesOf(fieldsOf(json)['accounts']).map(([name, fields]) => {
    const { trouble } = fields;
    const warnings = entriesOf(fields['warned']).flatMap(parseWarning);
    const memory: AccountMemory = {
      seenAt: time(fields['seen']),
      trouble: trouble === 'refresh-failing' || trouble === 'needs-authorization' ? trouble : undefined,
      onTrial: fields['on_trial'] === true || undefined,
      warned: warnings.length === 0 ? undefined : Object.fromEntries(warnings),
    };
    return [name, memory] as const;
  });
  return { tokens: new Map(tokens), accounts: new Map(accounts) };
}

function parseWarning([what, { days, end }]: [string, Fields]): [string, GivenWarning][] {
  const at = time(end);
  const known = warningDays.find((each) => each === days);
  return at === undefined || known === undefined ? [] : [[what, { at, days: known }]];
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function entriesOf(value: unknown): [string, Fields][] {
  return Object.entries(fieldsOf(value)).map(([key, fields]) => [key, fieldsOf(fields)]);
}

function iso(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}

function time(value: unknown): number | undefined {
  const at = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? undefined : at;
}
