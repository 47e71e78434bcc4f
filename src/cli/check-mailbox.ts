/**
 * Whether the one who signed in is the one that was meant: browsers are signed in already, often as somebody else.
 * The name that counts is the file's; `--user` says that the login name is another one, such as a shared mailbox.
 */
import { basename } from 'node:path';
import { isAddress } from '../config/values.js';
import { AppError } from '../core/errors.js';
import type { Ui } from './ui.js';

/** Throws AppError login-denied with both names; nothing is written then. */
export function checkMailbox(
  addresses: readonly string[],
  { path, user }: { readonly path: string | undefined; readonly user: string | undefined },
  ui: Ui,
): void {
  const [who] = addresses;
  if (who === undefined) return;
  const file = path === undefined ? undefined : basename(path);
  const wanted = user ?? (file !== undefined && isAddress(file) ? file : undefined);
  if (wanted === undefined || user !== undefined) {
    ui.say(
      `${who} has signed in${user === undefined || addresses.includes(user.toLowerCase()) ? '' : `, for the mailbox ${user}`}.`,
    );
    return;
  }
  if (addresses.includes(wanted.toLowerCase())) return;
  throw new AppError(
    'login-denied',
    `${who} has signed in, and the file is for ${wanted}: nothing was written`,
    {
      hint: `sign out in the browser and sign in as ${wanted}; if ${wanted} is a mailbox that ${who} may send as, add --user ${wanted}`,
    },
  );
}
