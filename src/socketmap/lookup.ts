/**
 * The answer to a key: login name and fresh token of the account that it means. Mail must never leave without a login
 * or through somebody else's account because of trouble with a token: whatever is in doubt is TEMP, and Postfix defers.
 */
import type { AnyAccount } from '../accounts/account.js';
import { AppError, toAppError } from '../core/errors.js';
import { printable } from '../protocol/smtp/reply.js';
import type { SocketmapReply } from '../protocol/socketmap.js';
import type { Roster } from '../refresh/roster.js';
import type { ServerLookup } from '../refresh/token-source.js';
import { parseServer } from './next-hop.js';

export type Directory = Pick<Roster, 'lookup' | 'lookupServer'>;

export interface Answer {
  readonly reply: SocketmapReply;
  /** For the log: what failed, and whose. */
  readonly error?: AppError;
  readonly account?: string;
}

/** In the log; there may be thousands at a large provider. */
const mostNamed = 10;

const notFound: Answer = { reply: { kind: 'notfound' } };

/** Never rejects. A key with an `@` is a sender, any other a server. */
export async function answerTo(key: string, directory: Directory): Promise<Answer> {
  try {
    return await answerOf(find(key, directory));
  } catch (error) {
    return trouble(toAppError(error));
  }
}

function find(key: string, directory: Directory): ServerLookup {
  if (key.includes('@')) return directory.lookup(key);
  const server = parseServer(key);
  return server === undefined ? { kind: 'unknown' } : directory.lookupServer(server);
}

async function answerOf(found: ServerLookup): Promise<Answer> {
  switch (found.kind) {
    case 'unknown':
      return notFound;
    case 'none':
      return trouble(
        found.problem ??
          new AppError('no-accounts', 'no account can be used', { hint: 'run mailbearer test-config' }),
      );
    case 'several':
      return trouble(
        new AppError(
          'account-unknown',
          `${found.accounts.length} accounts send through this server: ${namesOf(found.accounts)}`,
          {
            hint: 'set smtp_sender_dependent_authentication = yes in main.cf, and default_account here for other senders',
            publicDetail: 'several send through this server; set default_account',
          },
        ),
      );
    case 'broken':
      return trouble(found.account.problem, found.account.name);
    case 'usable': {
      const { account, tokens } = found.live;
      const { user } = account.submission;
      if (/[:\0]/.test(user)) return trouble(unusableName(account.name), account.name);
      try {
        const { secret } = await tokens.accessToken();
        return { reply: { kind: 'ok', value: `${user}:${secret.reveal()}` }, account: account.name };
      } catch (error) {
        return trouble(toAppError(error), account.name);
      }
    }
  }
}

function namesOf(accounts: readonly AnyAccount[]): string {
  const names = accounts.slice(0, mostNamed).map(({ name }) => name);
  return [...names, ...(accounts.length > mostNamed ? ['…'] : [])].join(', ');
}

/** Postfix cuts at the first colon, and would sign in as somebody else. */
function unusableName(account: string): AppError {
  return new AppError('account-incomplete', `the login name of ${account} holds a colon`, {
    hint: 'Postfix cannot be given it: use the relay for this account',
    publicDetail: 'its login name holds a colon',
  });
}

/** The reason stands in Postfix's log, so it is no more than a reply of the relay would say. */
function trouble(error: AppError, account?: string): Answer {
  const { failure, publicDetail } = error;
  const whose = account === undefined ? '' : `${account}: `;
  const detail = publicDetail === undefined ? '' : ` (${publicDetail})`;
  const reason = printable(`${whose}${failure.summary}${detail}`);
  return { reply: { kind: 'temp', reason }, error, ...(account !== undefined && { account }) };
}
