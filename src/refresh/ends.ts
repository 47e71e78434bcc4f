/**
 * The ends that are known of an account, from what is remembered of its sign-in, its configuration and its
 * certificate; and what they are called towards people, with what to do. When to speak of them is foresight.ts's.
 */
import type { Account } from '../accounts/account.js';
import { certificateEndsAt } from '../oauth/certificate.js';
import type { StoredSignIn } from '../tokens/token.js';
import { lacksRefreshToken, signInCommand } from './failure.js';
import { dayMs, type End, type EndingThing, signInEnd } from './foresight.js';
import type { AccountMemory, TokenMemory } from './state-file.js';

/** `token` is what is remembered of the refresh token that is stored now. Never rejects. */
export async function endsOf(
  account: Account,
  stored: StoredSignIn,
  token: TokenMemory | undefined,
  memory: AccountMemory | undefined,
): Promise<End[]> {
  const { client, grant, provider, tokenStore } = account;
  const { writtenAt } = stored;
  const ends: (End | undefined)[] = [];
  if (grant.kind === 'refresh-token' && !lacksRefreshToken(account, stored))
    ends.push(
      signInEnd({
        life: provider.signInLife,
        firstSeenAt: token?.firstSeenAt ?? writtenAt,
        // Another program's refresh is known by the file alone.
        lastUsedAt: Math.max(token?.lastUsedAt ?? 0, writtenAt),
        announcedEndAt: token?.announcedEndAt,
        onTrial: memory?.onTrial === true,
      }),
    );
  const certificate = grant.kind === 'client-credentials' ? grant.certificate : undefined;
  const sendsSecret =
    // What the keyring has is not looked at; who names a day has a secret.
    (!client.clientSecret.isEmpty || tokenStore === 'keyring') &&
    (grant.kind === 'refresh-token' || (grant.kind === 'client-credentials' && certificate === undefined));
  if (sendsSecret && client.secretExpiresAt !== undefined)
    ends.push({ what: 'client-secret', at: client.secretExpiresAt, because: 'dated' });
  if (certificate !== undefined) {
    const at = await certificateEndsAt(certificate.certificateFile);
    if (at !== undefined) ends.push({ what: 'certificate', at, because: 'dated' });
  }
  return ends.filter((end) => end !== undefined);
}

const titles: Readonly<Record<EndingThing, string>> = {
  'sign-in': 'sign-in',
  'client-secret': 'client secret',
  certificate: 'certificate',
};

/** A sentence, and what to do. */
export function describeEnd(account: Account, end: End, now: number): { message: string; hint: string } {
  const day = new Date(end.at).toISOString().slice(0, 10);
  const verb = end.what === 'sign-in' ? ['ends', 'ended'] : ['expires', 'expired'];
  const subject = `the ${titles[end.what]} of ${account.name}`;
  const message =
    end.at <= now
      ? `${subject} ${verb[1]} on ${day}${reason(account, end)}`
      : `${subject} ${verb[0]} on ${day}, in ${inDays(end.at - now)}${reason(account, end)}`;
  return { message, hint: remedy(account, end) };
}

function inDays(ms: number): string {
  const days = Math.round(ms / dayMs);
  if (days === 0) return 'less than a day';
  return days === 1 ? '1 day' : `${days} days`;
}

function reason({ provider }: Account, { because }: End): string {
  const { idleDays, trial } = provider.signInLife;
  if (because === 'unused') return `, for it was not refreshed; ${provider.title} allows ${idleDays} days`;
  return because === 'trial' && trial !== undefined ? `, while ${trial.cause}` : '';
}

function remedy(account: Account, { because, what }: End): string {
  switch (what) {
    case 'client-secret':
      return 'create a new one in the app registration, put it into client_secret, and its day into secret_expires';
    case 'certificate':
      return 'make a new one and upload it to the app registration, then put it in place of the old';
    case 'sign-in': {
      const { trial } = account.provider.signInLife;
      if (because === 'unused') return `see why it is not refreshed: mailbearer doctor ${account.name}`;
      const first = trial === undefined ? 'sign in again' : trial.remedy;
      return `${first}: ${signInCommand(account)}`;
    }
  }
}

/** Why a sign-in ended after the time for trials, and what to do. */
export function describeTrial(account: Account): { message: string; hint: string } | undefined {
  const { trial } = account.provider.signInLife;
  if (trial === undefined) return undefined;
  return {
    message: `the sign-in of ${account.name} ended ${trial.days} days after it was made, as all do while ${trial.cause}`,
    hint: `${trial.remedy}: ${signInCommand(account)}`,
  };
}
