/**
 * Our own replies, and what becomes of the parameters that need an extension. What is offered is offer.ts's
 * business; here an upstream that lacks something is dealt with when its name is known.
 */
import {
  type Command,
  formatPathCommand,
  type Parameter,
  type PathCommand,
} from '../protocol/smtp/command.js';
import type { Extensions } from '../protocol/smtp/client.js';
import { makeReply, type Reply } from '../protocol/smtp/reply.js';
import { tooLarge } from './limits.js';
import { sizeOffered } from './message-size.js';
import type { Offer } from './offer.js';

export function greetingReply(name: string): Reply {
  return { code: 220, lines: [`${name} ESMTP mailbearer`] };
}

/** The reply to a command that is ours alone to answer; `offered` is for EHLO. */
export function ownReply(
  verb: Exclude<Command['verb'], 'MAIL' | 'RCPT' | 'DATA' | 'STARTTLS' | 'AUTH'>,
  name: string,
  offered: readonly string[],
): Reply {
  return { code: ownCodes[verb], lines: ownLines(verb, name, offered) };
}

export const readyForTls = makeReply(220, '0.0', 'Ready to start TLS');
/** What an attacker could have put between the client and us would be taken for the client's. */
export const behindStartTls = makeReply(554, '7.0', 'Nothing may be sent behind STARTTLS');
export const authenticationRequired = makeReply(530, '7.0', 'Authentication required'); // RFC 4954, 6

const ownCodes = { EHLO: 250, HELO: 250, RSET: 250, NOOP: 250, VRFY: 252, HELP: 214, QUIT: 221 } as const;

function ownLines(verb: keyof typeof ownCodes, name: string, offered: readonly string[]): readonly string[] {
  switch (verb) {
    case 'EHLO':
      return [`${name} at your service`, ...offered];
    case 'HELO':
      return [name];
    case 'RSET':
    case 'NOOP':
      return ['2.0.0 Ok'];
    case 'VRFY':
      return ['2.0.0 Send the message and see'];
    case 'HELP':
      return ['2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT'];
    case 'QUIT':
      return ['2.0.0 Bye'];
  }
}

/** DSN's (RFC 3461, 4) among them: whether the account's upstream has it, is seen when the upstream is known. */
const parametersOf: Readonly<Record<PathCommand['verb'], ReadonlySet<string>>> = {
  MAIL: new Set(['SIZE', 'BODY', 'SMTPUTF8', 'AUTH', 'RET', 'ENVID']),
  RCPT: new Set(['NOTIFY', 'ORCPT']),
};

/** The refusal of a parameter that no upstream could be given (RFC 5321, 4.1.1.11), or undefined. */
export function refuseParameters(command: PathCommand): Reply | undefined {
  if (command.parameters.length === 0) return undefined;
  const odd = command.parameters.find(({ keyword, value }) => {
    if (keyword === 'BODY') return command.verb !== 'MAIL' || !/^(7BIT|8BITMIME)$/i.test(value ?? '');
    return !parametersOf[command.verb].has(keyword);
  });
  return odd && notOffered(command, odd);
}

function notOffered({ verb }: PathCommand, { keyword }: Parameter): Reply {
  return makeReply(555, '5.4', `The ${verb} parameter ${keyword} is not offered here`);
}

/** A client that was promised it is not to blame: the upstream was not known then, or another account came later. */
function offeredNoMore(what: string): Reply {
  return makeReply(451, '5.4', `${what} is not offered any more: say EHLO again`);
}

/** The refusal of a message that says it is too large (RFC 1870, 6.1), or undefined. */
export function refuseSize({ parameters }: PathCommand, mostOctets: number): Reply | undefined {
  if (mostOctets === Infinity) return undefined;
  const size = parameters.find(({ keyword }) => keyword === 'SIZE');
  return Number(size?.value) > mostOctets ? tooLarge(mostOctets) : undefined;
}

/**
 * The line for this upstream, or the reply of the extension's RFC where the upstream cannot do it.
 * @param offer what the client was told by EHLO
 */
export function commandFor(
  command: PathCommand,
  extensions: Extensions,
  offer: Offer | undefined,
): string | Reply {
  const { verb, path, parameters } = command;
  if (parameters.length === 0) return command.wire ?? formatPathCommand(verb, path, parameters);
  const kept: Parameter[] = [];
  for (const parameter of parameters) {
    const { keyword, value } = parameter;
    switch (keyword) {
      // Who submitted the message to us is nothing that the upstream would trust (RFC 4954, 5).
      case 'AUTH':
        break;
      case 'SIZE': {
        const mostOctets = sizeOffered(extensions) ?? Infinity;
        if (Number(value) > mostOctets) return tooLarge(mostOctets);
        if (extensions.has('SIZE')) kept.push(parameter);
        break;
      }
      case 'BODY':
        if (extensions.has('8BITMIME')) kept.push(parameter);
        else if (value?.toUpperCase() !== '7BIT') {
          return offer?.relayed.has('8BITMIME')
            ? offeredNoMore('BODY=8BITMIME')
            : makeReply(554, '6.3', 'The upstream server does not take 8-bit messages'); // RFC 6152, 3
        }
        break;
      case 'SMTPUTF8':
        if (!extensions.has('SMTPUTF8')) {
          return makeReply(550, '6.7', 'The upstream server does not take UTF-8 addresses'); // RFC 6531, 3.5
        }
        kept.push(parameter);
        break;
      default:
        // RET, ENVID, NOTIFY, ORCPT.
        if (!extensions.has('DSN'))
          return offer?.relayed.has('DSN') ? offeredNoMore(keyword) : notOffered(command, parameter);
        kept.push(parameter);
    }
  }
  const isWhole = kept.length === parameters.length;
  return (isWhole ? command.wire : undefined) ?? formatPathCommand(verb, path, kept);
}
