/** Sign-ins from the status page, with what they mean to a daemon that runs: the new tokens count at once. */
import type { Clock } from '../core/clock.js';
import type { Lookout } from '../refresh/lookout.js';
import type { Roster } from '../refresh/roster.js';
import type { BeginSignIn } from '../status/sign-in-desk.js';
import type { AccountDatabase } from '../tokens/postgres/accounts.js';

interface SignInSurroundings {
  readonly clock: Clock;
  readonly random: () => number;
  readonly lookout: Pick<Lookout, 'signedIn'>;
  /** Of the configuration in service. */
  readonly roster: Pick<Roster, 'accounts' | 'look' | 'signInOf'>;
  readonly database: () => AccountDatabase | undefined;
}

export function signInsOf({ clock, database, lookout, random, roster }: SignInSurroundings): BeginSignIn {
  const current = (name: string) => {
    const found = roster.accounts().find(({ account }) => account.name === name);
    return found && roster.signInOf(found.account);
  };
  return async (account, redirectUri) => {
    const { name } = account;
    // Loaded when somebody signs in, like the requests of a refresh.
    const { beginAccountSignIn } = await import('../refresh/account-sign-in.js');
    const options = { clock, random, database: database(), current: () => current(name) };
    const signIn = await beginAccountSignIn(account, redirectUri, options);
    return {
      ...signIn,
      async finish(answer) {
        const signedIn = await signIn.finish(answer);
        const { refreshToken, refreshTokenExpiresInSeconds: life } = signedIn;
        lookout.signedIn(name, refreshToken, life === undefined ? undefined : clock.now() + life * 1000);
        await roster.look();
        return signedIn;
      },
    };
  };
}
