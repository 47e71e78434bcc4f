/**
 * What the client is told. The only place where a failure of ours or a reply of the upstream becomes a reply to
 * the client. The upstream's replies about this message pass verbatim; those about the session or the account
 * become 4yz, because the message is not to blame and its sender must keep it.
 */
import type { AppError, Remedy } from '../core/errors.js';
import type { AccountReply } from '../providers/provider.js';
import { isTokenRefusal } from '../protocol/smtp/client.js';
import { enhancedDetail, withClassOf } from '../protocol/smtp/codes.js';
import { formatReply, makeReply, printable, type Reply } from '../protocol/smtp/reply.js';
import type { ClientStage } from '../protocol/smtp/states.js';

/** What to run, by remedy; a reply is read by whoever sent the mail, so it names no path. */
const commands: Readonly<Record<Remedy, string>> = {
  retry: 'try again later',
  reauthorize: 'run mailbearer get-token for this account',
  'fix-config': 'run mailbearer test-config',
  'report-bug': 'see the log of mailbearer',
};

/** RFC 5321, 4.5.3.1.5 allows 512 octets a line; what explains a failure fits in less. */
const longestTextOctets = 400;

/**
 * What goes to the client. A refusal that is ours, in whole or in its code, ends with the id by which the log knows the
 * client's session: who reads it finds the rest there.
 */
export function wireFor(reply: Reply, session: string): string {
  if (reply.code < 400 || reply.isOwn !== true) return formatReply(reply);
  const { code, lines } = reply;
  return formatReply({ code, lines: [...lines.slice(0, -1), `${lines.at(-1)} (id ${session})`] });
}

/** The reply for a failure of ours; `account` is the one that the sender belongs to, when that is known. */
export function replyForFailure(error: AppError, account?: string): Reply {
  const { reply, remedy, summary } = error.failure;
  const detail = error.publicDetail === undefined ? '' : ` (${error.publicDetail})`;
  const text = `${account === undefined ? '' : `${account}: `}${summary}${detail}; ${commands[remedy]}`;
  return makeReply(reply.code, reply.detail, wireText(text));
}

/** UTF-8 octets as the latin1 text that replies are made of. */
function wireText(text: string): string {
  return Buffer.from(printable(text)).toString('latin1', 0, longestTextOctets);
}

export function replyForUnknownSender(sender: string, mode: 'defer' | 'reject'): Reply {
  const who = sender === '' ? 'the null sender' : `<${sender}>`;
  const text = `No account for ${who}: add it to "senders" of an account, or set "default_account"`;
  return makeReply(mode === 'reject' ? 550 : 450, '7.1', wireText(text));
}

/** Whether a client is who it says cannot be told now (RFC 4954, 6), whatever is the reason. */
export function replyForUncheckable(error: AppError): Reply {
  return recoded(replyForFailure(error), 454, '7.0');
}

/** Of a client that has signed in; names nothing that it has not said itself. */
export function replyForDeniedSender(sender: string): Reply {
  const who = sender === '' ? 'the null sender' : `<${sender}>`;
  return makeReply(550, '7.1', wireText(`This login may not send for ${who}`));
}

export function replyForUnsafeBody(): Reply {
  return makeReply(550, '6.11', 'Bare CR or LF in the message: a line must end with CR LF');
}

export type StageOfMessage = Extract<ClientStage, 'mail' | 'rcpt' | 'data' | 'end'>;

/** Codes about our own authentication (RFC 4954, 6). */
const authenticationCodes: ReadonlySet<number> = new Set([530, 535, 538]);

/** Whether a reply, at any stage, is about our sign-in and not about the message. */
export function isOfAccount(reply: Reply): boolean {
  return authenticationCodes.has(reply.code) || isTokenRefusal(reply);
}

/** Whether a reply of this code makes sense at this stage; any other is a broken upstream. */
export function isExpected(stage: StageOfMessage, code: number): boolean {
  if (code >= 400) return true;
  return stage === 'data' ? code === 354 : code < 300;
}

/** What the client is told when the upstream says `reply`. */
export function relayedReply(reply: Reply, accountReplies: readonly AccountReply[]): Reply {
  if (reply.code < 400) return reply;
  if (isOfAccount(reply)) return recoded(reply, 454, '7.0');
  if (reply.code === 421) return recoded(reply, 451, undefined);
  const detail = enhancedDetail(reply.lines[0] ?? '');
  const known = accountReplies.find((entry) => entry.code === reply.code && entry.detail === detail);
  return known === undefined ? reply : recoded(reply, known.becomes.code, known.becomes.detail);
}

/** The same words under another code; with `detail` they get that enhanced code, else only its class changes. */
function recoded(reply: Reply, code: number, detail: string | undefined): Reply {
  const lines = reply.lines.map((line) => {
    const had = enhancedDetail(line);
    if (detail === undefined) return had === undefined ? line : withClassOf(code, line);
    const words = had === undefined ? line : line.slice(line.indexOf(' ') + 1);
    return `${Math.floor(code / 100)}.${detail} ${words}`;
  });
  return { code, lines, isOwn: true };
}
