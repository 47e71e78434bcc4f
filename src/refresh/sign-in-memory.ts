/**
 * What is remembered of an account's sign-in, whoever refreshes it: since when its refresh token is known, when it was
 * last used, and that it has ended.
 */
import type { Account } from '../accounts/account.js';
import type { Secret } from '../core/secret.js';
import type { StoredSignIn } from '../tokens/token.js';
import { endedByTrial, outlivedTrial } from './foresight.js';
import type { RefreshResult } from './refresh-once.js';
import { fingerprint, type StateFile, type TokenMemory } from './state-file.js';

const unused = { lastUsedAt: undefined, announcedEndAt: undefined, endedAt: undefined };

export function recall(
  state: StateFile,
  { name, tokenStore }: Account,
  { refreshToken, writtenAt }: StoredSignIn,
): TokenMemory | undefined {
  if (refreshToken !== undefined) return state.token(fingerprint(refreshToken));
  if (tokenStore !== 'keyring') return undefined;
  // The keyring, which might ask a person, is not asked: it is the token that the last refresh found there,
  const known = state.token(state.printOf(name));
  // or the one of a new sign-in, if its file was written after that one had ended.
  const isAnother = known?.endedAt !== undefined && writtenAt > known.endedAt;
  return isAnother ? { account: name, firstSeenAt: writtenAt, ...unused } : known;
}

/** A token that is new was made when its file was written, as far as anybody knows. */
export function noteHeld(state: StateFile, account: Account, stored: StoredSignIn, now: number): void {
  const { refreshToken, writtenAt } = stored;
  state.sees(account.name);
  if (refreshToken === undefined || recall(state, account, stored) !== undefined) return;
  const firstSeenAt = Math.min(writtenAt, now);
  state.setToken(fingerprint(refreshToken), { account: account.name, firstSeenAt, ...unused });
}

/** `announcedEndAt` is of the provider's answer, where it says so. */
export function noteSignedIn(
  state: StateFile,
  account: string,
  refreshToken: Secret,
  now: number,
  announcedEndAt: number | undefined,
): void {
  state.setToken(fingerprint(refreshToken), { account, firstSeenAt: now, ...unused, announcedEndAt });
}

export function noteRefreshed(
  state: StateFile,
  account: Account,
  { refreshTokenEndsAt, stored }: RefreshResult & { kind: 'refreshed' },
  now: number,
): void {
  if (stored.refreshToken === undefined) return;
  const known = recall(state, account, stored);
  const firstSeenAt = known?.firstSeenAt ?? now;
  state.setToken(fingerprint(stored.refreshToken), {
    account: account.name,
    firstSeenAt,
    lastUsedAt: now,
    announcedEndAt: refreshTokenEndsAt ?? known?.announcedEndAt,
    endedAt: undefined,
  });
  const memory = state.account(account.name);
  if (memory?.onTrial === true && outlivedTrial(account.provider.signInLife, firstSeenAt, now))
    state.setAccount(account.name, { ...memory, onTrial: undefined });
}

/** `asked` is what the refused refresh token was found in. True when it ended as one that is for trial does. */
export function noteEnded(state: StateFile, account: Account, asked: StoredSignIn, now: number): boolean {
  const known = recall(state, account, asked);
  const print =
    asked.refreshToken === undefined ? state.printOf(account.name) : fingerprint(asked.refreshToken);
  if (print === undefined || known === undefined || known.endedAt !== undefined) return false;
  state.setToken(print, { ...known, endedAt: now });
  const onTrial = endedByTrial(account.provider.signInLife, known.firstSeenAt, now);
  if (onTrial) state.setAccount(account.name, { ...state.account(account.name), onTrial });
  return onTrial;
}
