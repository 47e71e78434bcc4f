/**
 * Whether the one who signed in is the one that was meant: browsers are signed in already, often as somebody else.
 * A mailbox for which another one may sign in is told by `--user shared:…` or `delegated:…`.
 */
import { isAddress } from '../config/values.js';
import { AppError } from '../core/errors.js';
import type { Provider } from '../providers/index.js';

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

export interface MailboxQuestion {
  /** Whose sign-in is wanted; it is only compared when it is an address. */
  readonly wanted: string | undefined;
  readonly lent: boolean;
  /** Who says so: "the file is for". */
  readonly accordingTo: string;
  readonly provider: Provider;
  /** The command that would sign in; undefined when it is running. */
  readonly command?: string;
}

/**
 * What to say of who has signed in, if anything. Throws AppError login-denied with both names; nothing may be written
 * then.
 */
export function checkMailbox(addresses: readonly string[], question: MailboxQuestion): string | undefined {
  const { accordingTo, lent, wanted: named = '' } = question;
  const [who] = addresses;
  if (who === undefined) return undefined;
  const wanted = isAddress(named) ? named : undefined;
  if (wanted !== undefined && addresses.includes(wanted.toLowerCase())) return undefined;
  if (wanted === undefined || lent) return `${who} has signed in${lent ? `, for the mailbox ${named}` : ''}.`;
  throw new AppError(
    'login-denied',
    `${who} has signed in, and ${accordingTo} ${wanted}: nothing was written`,
    {
      hint: `sign out in the browser and sign in as ${wanted}; ${instead(who, wanted, question)}`,
    },
  );
}

function instead(who: string, wanted: string, { command, provider }: MailboxQuestion): string {
  if (provider.signsInAsDelegate)
    return `if ${wanted} is a shared mailbox, name the file after ${who} and add "${wanted}" to its "senders" in the configuration`;
  const add = command === undefined ? 'add' : `run ${command}`;
  return `if ${wanted} is a mailbox that ${who} may sign in for, ${add} --user shared:${wanted}`;
}
