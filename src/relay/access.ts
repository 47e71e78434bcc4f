/**
 * Through which account a message may go, for a client that has signed in: by its sender, by its login, or by both, and
 * within what its proof may be used for. A client that has not goes by the sender alone.
 */
import { coverings } from '../accounts/routing.js';
import type { ListenerAuthSettings } from '../config/listener.js';
import { AppError } from '../core/errors.js';
import { mailboxOf, type PathCommand } from '../protocol/smtp/command.js';
import type { Reply } from '../protocol/smtp/reply.js';
import type { AccountDirectory, LiveAccount, Lookup } from '../refresh/token-source.js';
import type { Identity } from '../submission/identity.js';
import { authenticationRequired } from './extensions.js';
import { replyForDeniedSender, replyForFailure, replyForUnknownSender } from './policy.js';
import type { SessionContext } from './session-context.js';

/** `denied`: not with this login. What else there is to send through, is nothing that the client is told. */
export type Access = Lookup | { readonly kind: 'denied' };

export type Found =
  { readonly live: LiveAccount } | { readonly refusal: Reply; readonly cause?: AppError | undefined };

const denied: Access = { kind: 'denied' };

/** The address of MAIL FROM. Octets on the wire are UTF-8 where they are not ASCII (RFC 6531). */
export function senderOf({ path }: PathCommand): string {
  const text = mailboxOf(path);
  return /[\u0080-\u00ff]/.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
}

/** The account for a message, or the reply to its MAIL. */
export function accountFor(
  sender: string,
  identity: Identity | undefined,
  { directory, port, settings }: Pick<SessionContext, 'directory' | 'port' | 'settings'>,
): Found {
  const { auth } = port.settings;
  // Where clients send with their own tokens, no other may be used.
  const isRequired = auth?.required === true || auth?.upstreamToken === 'client';
  if (isRequired && identity === undefined) return { refusal: authenticationRequired };
  const found = accessOf(sender, identity, auth, directory);
  switch (found.kind) {
    case 'usable':
      return found;
    case 'broken': {
      const { name, problem } = found.account;
      return { refusal: replyForFailure(problem, name), cause: problem };
    }
    case 'unknown':
      return { refusal: replyForUnknownSender(sender, settings.unknownSender) };
    case 'denied':
      return { refusal: replyForDeniedSender(sender) };
    case 'none':
      return none(found.problem);
  }
}

function none(problem: AppError | undefined): Found {
  if (problem === undefined)
    return { refusal: replyForFailure(new AppError('no-accounts', 'no account can be used')) };
  return { refusal: replyForFailure(problem), cause: problem };
}

/** @param sender the address in MAIL FROM, "" for the null sender */
export function accessOf(
  sender: string,
  identity: Identity | undefined,
  settings: ListenerAuthSettings | undefined,
  directory: AccountDirectory,
): Access {
  if (identity === undefined || settings === undefined) return directory.lookup(sender);
  const { accounts, senders, user } = identity;
  const mapped = settings.loginSenders.get(user.toLowerCase());
  if (sender !== '' && ![mapped, senders].every((list) => covers(list, sender))) return denied;
  const ofLogin = () => directory.lookup(mapped?.find((one) => !one.startsWith('@')) ?? user);
  // A receipt or a bounce says nothing of whose it is.
  const byLogin = settings.accountBy === 'login' || sender === '';
  const found = byLogin ? ofLogin() : directory.lookup(sender);
  const name = nameOf(found);
  if (name === undefined) return found;
  if (settings.accountBy === 'both') {
    const login = ofLogin();
    if (login.kind === 'none') return login;
    if (nameOf(login) !== name) return denied;
  }
  return accounts === undefined || accounts.includes(name.toLowerCase()) ? found : denied;
}

function covers(list: readonly string[] | undefined, sender: string): boolean {
  if (list === undefined) return true;
  const address = sender.toLowerCase();
  return list.includes(address) || coverings(address).some((covering) => list.includes(covering));
}

function nameOf(found: Lookup): string | undefined {
  if (found.kind === 'usable') return found.live.account.name;
  return found.kind === 'broken' ? found.account.name : undefined;
}
