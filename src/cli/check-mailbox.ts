/**
 * Whether the one who signed in is the one that was meant: browsers are signed in already, often as somebody else. The
 * name that counts is that of `--user`, else the file's; `--user shared:…` or `delegated:…` says that the login name is
 * a mailbox for which somebody else signs in.
 */
import { basename } from 'node:path';
import { isAddress } from '../config/values.js';
import { AppError } from '../core/errors.js';
import type { Provider } from '../providers/index.js';
import type { Ui } from './ui.js';

export interface Mailbox {
  /** Login name at the SMTP server; undefined when nothing was said. */
  readonly user: string | undefined;
  /** Whether somebody else may sign in for it. */
  readonly lent: boolean;
}

/** What `--user` says. */
export function mailboxOf(user: string | undefined): Mailbox {
  const [, word, address] = /^(shared:|delegated:)?(.*)$/s.exec(user ?? '') ?? [];
  return { user: address || undefined, lent: word !== undefined };
}

export interface MailboxQuestion extends Mailbox {
  readonly path: string | undefined;
  readonly provider: Provider;
}

/** Throws AppError login-denied with both names; nothing is written then. */
export function checkMailbox(
  addresses: readonly string[],
  { lent, path, provider, user }: MailboxQuestion,
  ui: Ui,
): void {
  const [who] = addresses;
  if (who === undefined) return;
  const wanted = [user ?? (path === undefined ? '' : basename(path))].find(isAddress);
  if (wanted !== undefined && addresses.includes(wanted.toLowerCase())) return;
  if (wanted === undefined || lent) {
    ui.say(`${who} has signed in${lent ? `, for the mailbox ${user}` : ''}.`);
    return;
  }
  const forWhom = user === undefined ? 'the file is for' : '--user says';
  throw new AppError('login-denied', `${who} has signed in, and ${forWhom} ${wanted}: nothing was written`, {
    hint: `sign out in the browser and sign in as ${wanted}; ${instead(who, wanted, provider)}`,
  });
}

function instead(who: string, wanted: string, { signsInAsDelegate }: Provider): string {
  if (signsInAsDelegate)
    return `if ${wanted} is a shared mailbox, name the file after ${who} and add "${wanted}" to its "senders" in the configuration`;
  return `if ${wanted} is a mailbox that ${who} may sign in for, add --user shared:${wanted}`;
}
