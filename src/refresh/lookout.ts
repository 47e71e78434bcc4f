/**
 * Looks ahead for the accounts in service: remembers when their sign-ins were first seen and last used, warns of ends
 * in the log, and makes events of what happens to them. It only listens: no refresh waits for it or fails with it.
 */
import type { Account, BrokenAccount } from '../accounts/account.js';
import type { Clock, Timer } from '../core/clock.js';
import type { AppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Secret } from '../core/secret.js';
import type { StoredSignIn, StoredToken } from '../tokens/token.js';
import { describeEnd, describeTrial, endsOf } from './ends.js';
import type { AccountEvent } from './event.js';
import { mayPass } from './failure.js';
import { dueWarning, type End } from './foresight.js';
import type { RefreshResult } from './refresh-once.js';
import { noteEnded, noteHeld, noteRefreshed, noteSignedIn, recall } from './sign-in-memory.js';
import type { AccountMemory, StateFile, Trouble } from './state-file.js';
import type { RefreshWitness } from './witness.js';

export interface LookoutOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly state: StateFile;
  /** Must not throw. */
  readonly tell: (event: AccountEvent) => void;
}

interface Followed extends StoredSignIn {
  readonly account: Account;
  /** In a row. */
  readonly failures: number;
}

const lookEveryMs = 3_600_000;
/** A blip is over by then; the token in hand lives for minutes more. */
const failuresBeforeTelling = 3;

type Particulars = AccountEvent extends infer E
  ? E extends AccountEvent
    ? Omit<E, keyof Common>
    : never
  : never;
type Common = Pick<AccountEvent, 'time' | 'account' | 'token_file' | 'provider'>;

export class Lookout implements RefreshWitness {
  readonly #options: LookoutOptions;
  readonly #followed = new Map<string, Followed>();
  #looking: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: LookoutOptions) {
    this.#options = options;
    this.#lookLater();
  }

  holds(account: Account, stored: StoredToken): void {
    const { clock, state } = this.#options;
    const known = this.#followed.get(account.name);
    this.#follow(account, stored, known?.failures ?? 0);
    if (known?.account === account && known.version === stored.version) return;
    noteHeld(state, account, stored, clock.now());
    // A new sign-in needs no refresh to show that it is well.
    const memory = recall(state, account, stored);
    const isNew = memory !== undefined && memory.endedAt === undefined;
    const usable = stored.accessToken !== undefined && stored.expiresAt > clock.now();
    if (isNew && usable && state.account(account.name)?.trouble === 'needs-authorization')
      this.#recovered(account);
    this.#look([account.name]);
  }

  ended(account: Account, result: RefreshResult): void {
    if (result.kind === 'failed') return this.#failed(account, result.error);
    const { stored } = result;
    const { clock, state } = this.#options;
    if (result.kind === 'refreshed') noteRefreshed(state, account, result, clock.now());
    this.#follow(account, stored, 0);
    this.#recovered(account);
    if (result.kind !== 'refreshed') return;
    this.#tell(account, account.provider.name, {
      event: 'token-refreshed',
      message: `a new access token for ${account.name}`,
      hint: null,
      expires_at: new Date(stored.expiresAt).toISOString(),
      refresh_token_replaced: result.rotated,
    });
    this.#look([account.name]);
  }

  /** Somebody has signed in. `endsAt` is of the refresh token, where the provider says so; milliseconds since the epoch. */
  signedIn(account: string, refreshToken: Secret, endsAt: number | undefined): void {
    const { clock, state } = this.#options;
    noteSignedIn(state, account, refreshToken, clock.now(), endsAt);
  }

  broken(account: BrokenAccount): void {
    this.#followed.delete(account.name);
    this.#trouble(account, null, account.problem, troubleOf(account.problem));
  }

  /** Looks no more after accounts with other names. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#followed.keys()) if (!names.has(name)) this.#followed.delete(name);
  }

  /** Resolves when what is being looked at was looked at. */
  looked(): Promise<void> {
    return this.#looking;
  }

  /** Writes what is remembered. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#looking;
    await this.#options.state.flush();
  }

  #failed(account: Account, error: AppError): void {
    const followed = this.#followed.get(account.name);
    const failures = (followed?.failures ?? 0) + 1;
    if (followed !== undefined) this.#follow(followed.account, followed, failures);
    const { clock, state } = this.#options;
    const trial =
      error.code === 'grant-dead' &&
      followed !== undefined &&
      noteEnded(state, account, followed, clock.now());
    const advice = trial ? describeTrial(account) : undefined;
    if (advice !== undefined)
      this.#options.logger.error({ account: account.name, hint: advice.hint }, advice.message);
    const trouble = troubleOf(error);
    if (trouble === 'refresh-failing' && mayPass(error) && failures < failuresBeforeTelling) return;
    this.#trouble(account, account.provider.name, error, trouble, advice);
  }

  /** Told once, until it is over; a sign-in that has ended is the greater trouble of the two. */
  #trouble(
    account: Account | BrokenAccount,
    provider: string | null,
    { code, hint, message }: AppError,
    trouble: Trouble,
    advice?: { message: string; hint: string },
  ): void {
    const told = this.#options.state.account(account.name)?.trouble;
    if (told === trouble || told === 'needs-authorization') return;
    this.#remember(account.name, { trouble });
    this.#tell(account, provider, {
      event: trouble,
      message: advice === undefined ? message : `${message}; ${advice.message}`,
      hint: advice?.hint ?? hint ?? null,
      code,
    });
  }

  #recovered(account: Account): void {
    const after = this.#options.state.account(account.name)?.trouble;
    if (after === undefined) return;
    this.#remember(account.name, { trouble: undefined });
    const message = `${account.name} is well again`;
    this.#tell(account, account.provider.name, { event: 'recovered', message, hint: null, after });
  }

  #look(names: Iterable<string>): void {
    this.#looking = this.#lookAfter(this.#looking, names);
  }

  async #lookAfter(before: Promise<void>, names: Iterable<string>): Promise<void> {
    await before;
    for (const name of names) {
      const followed = this.#followed.get(name);
      if (followed !== undefined && !this.#closed) await this.#lookAt(followed);
    }
  }

  async #lookAt(followed: Followed): Promise<void> {
    const { clock, state } = this.#options;
    const { account } = followed;
    state.sees(account.name);
    const token = recall(state, account, followed);
    // What has ended already is no news.
    if (token?.endedAt !== undefined) return;
    const ends = await endsOf(account, followed, token, state.account(account.name));
    for (const end of ends) this.#warn(account, end, clock.now());
  }

  #warn(account: Account, end: End, now: number): void {
    const { logger, state } = this.#options;
    const warned = state.account(account.name)?.warned;
    const days = dueWarning(end, now, warned?.[end.what]);
    if (days === undefined) return;
    this.#remember(account.name, { warned: { ...warned, [end.what]: { at: end.at, days } } });
    const { hint, message } = describeEnd(account, end, now);
    logger.warn({ account: account.name, hint }, message);
    const ends_at = new Date(end.at).toISOString();
    this.#tell(account, account.provider.name, {
      event: 'expires-soon',
      message,
      hint,
      what: end.what,
      ends_at,
      warning_days: days,
    });
  }

  #lookLater(): void {
    this.#timer = this.#options.clock.setTimer(
      lookEveryMs,
      () => {
        if (this.#closed) return;
        this.#look([...this.#followed.keys()]);
        this.#lookLater();
      },
      { unref: true },
    );
  }

  #follow(account: Account, { refreshToken, version, writtenAt }: StoredSignIn, failures: number): void {
    this.#followed.set(account.name, { account, refreshToken, version, writtenAt, failures });
  }

  #remember(name: string, change: AccountMemory): void {
    const { state } = this.#options;
    state.setAccount(name, { ...state.account(name), ...change });
  }

  #tell(
    { name, tokenFile }: Account | BrokenAccount,
    provider: string | null,
    particulars: Particulars,
  ): void {
    const { clock, tell } = this.#options;
    const time = new Date(clock.now()).toISOString();
    const { event, ...rest } = particulars;
    tell({ event, time, account: name, provider, token_file: tokenFile, ...rest } as AccountEvent);
  }
}

function troubleOf({ failure }: AppError): Trouble {
  return failure.remedy === 'reauthorize' ? 'needs-authorization' : 'refresh-failing';
}
