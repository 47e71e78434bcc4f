/** The accounts that a command means, as refresh/find-account.ts finds them; what cannot be looked at is warned of. */
import { defaultTokenDirectories } from '../config/paths.js';
import type { AppError } from '../core/errors.js';
import { type CensusOptions, type Found, takeCensus } from '../refresh/census.js';
import { findAccount as find } from '../refresh/find-account.js';
import type { Context } from './context.js';
import type { Ui } from './ui.js';

export { requireUsable, type Usable } from '../refresh/find-account.js';

/** Whether files that nobody signs in for are made where they are missing. */
type Look = Pick<CensusOptions, 'makesFiles'>;

/** In the order of the token directories. */
export async function allAccounts(context: Context, ui: Ui, look: Look = {}): Promise<readonly Found[]> {
  return (await takeCensus(await censusOptions(context, look), warnThrough(ui))).found;
}

/** Throws AppError account-unknown. */
export async function findAccount(word: string, context: Context, ui: Ui, look: Look = {}): Promise<Found> {
  return find(word, await censusOptions(context, look), warnThrough(ui));
}

function warnThrough(ui: Ui): (problem: AppError) => void {
  return ({ message, hint }) => {
    ui.warn(message);
    if (hint !== undefined) ui.hint(hint);
  };
}

async function censusOptions(context: Context, look: Look): Promise<CensusOptions> {
  const { clock, config, logins, random } = context;
  const tokenDirectories = config.tokenDirs ?? defaultTokenDirectories;
  const database = await context.database();
  return { config, tokenDirectories, saslPasswd: logins, clock, random, database, ...look };
}
