/**
 * What the reading of AUTH must hold for every input: the same whatever the cuts; a challenge that is base64, an end
 * that is one of RFC 4954's; no response taken for a command, nor a command for a response; no secret in the line for
 * the log; no name with control characters; and nobody let in who has not said the right secret in the right form.
 */
import { SaslExchange, type Proof, type ServerStep } from '../../src/protocol/sasl/server.js';
import { commandLine } from '../../src/protocol/smtp/command.js';
import { withoutLineEnd } from '../../src/protocol/smtp/lines.js';
import { ServerProtocol } from '../../src/protocol/smtp/server.js';
import type { Random } from '../random.js';
import { cut } from './mutate.js';
import { password, token, user } from './sign-ins.js';

/** `AUTH OAUTHBEARER ` and the longest response, CR LF included. */
const mostPendingOctets = 12_400;
const challenge = '{"status":"invalid_token"}';

type Exchange = Pick<SaslExchange, 'begin' | 'respond' | 'refused'>;
type MakeExchange = (keyword: string) => Exchange | undefined;

/** What is wrong, or undefined. @param makeExchange for tests of this test */
export function checkAuth(
  input: string,
  random: Random,
  makeExchange: MakeExchange = (keyword) => SaslExchange.of(keyword),
): string | undefined {
  try {
    const whole = signInsOf([input], makeExchange);
    const chunks = cut(input, random);
    const inPieces = signInsOf(chunks, makeExchange);
    return whole.join('\n') === inPieces.join('\n')
      ? undefined
      : `it depends on the cuts: ${JSON.stringify(chunks)}`;
  } catch (error) {
    return error instanceof Broken ? error.message : `it threw ${String(error)}`;
  }
}

class Broken extends Error {}

/** Runs the machines as a session does; gives what it saw. */
export function signInsOf(
  chunks: readonly string[],
  makeExchange: MakeExchange = (keyword) => SaslExchange.of(keyword),
): string[] {
  const protocol = new ServerProtocol({ offersAuth: true });
  const seen: string[] = [];
  let exchange: Exchange | undefined;
  /** In base64, since AUTH. */
  let said: string[] = [];

  const follow = (step: ServerStep): void => {
    seen.push(step.kind);
    if (step.kind === 'challenge') {
      if (!/^[A-Za-z0-9+/]*={0,2}$/.test(step.base64)) throw new Broken(`a challenge: ${step.base64}`);
      return protocol.authContinues();
    }
    if (step.kind === 'check') {
      const { proof } = step;
      if (!isRight(proof)) return follow(exchange!.refused(proof.kind === 'bearer' ? challenge : undefined));
      if (!isProper(proof, said.map(decoded))) throw new Broken(`let in by ${JSON.stringify(said)}`);
      seen.push('let in');
    }
    exchange = undefined;
    protocol.authEnded();
  };

  for (const chunk of chunks) {
    protocol.receive(Buffer.from(chunk, 'latin1'));
    for (let event = protocol.nextEvent(); event !== undefined; event = protocol.nextEvent()) {
      if ((event.verb === 'response') !== (exchange !== undefined))
        throw new Broken(`${event.verb} ${exchange === undefined ? 'outside of' : 'within'} an exchange`);
      if (event.verb === 'foreign') return [...seen, event.verb];
      if (event.verb === 'response') {
        const { line } = event;
        if (typeof line === 'string') {
          const text = withoutLineEnd(line);
          said.push(text);
          follow(exchange!.respond(text));
        } else {
          seen.push(line.fault);
          exchange = undefined;
          protocol.authEnded();
        }
      } else if (event.verb === 'AUTH') {
        const { initialResponse, mechanism } = event;
        said = initialResponse === undefined ? [] : [initialResponse];
        if (initialResponse !== undefined && !commandLine(event).endsWith(' [redacted]'))
          throw new Broken('the log would hold a response');
        exchange = makeExchange(mechanism);
        if (exchange === undefined) protocol.authEnded();
        else follow(exchange.begin(initialResponse));
      } else {
        seen.push(event.verb);
        if (event.verb === 'DATA') protocol.dataAnswered(false);
      }
    }
    if (protocol.pendingOctets > mostPendingOctets)
      throw new Broken(`it keeps ${protocol.pendingOctets} octets`);
  }
  return seen;
}

function isRight(proof: Proof): boolean {
  if (proof.user !== undefined && /^$|[\0-\x1f\x7f-\x9f]/.test(proof.user))
    throw new Broken(`a name: ${JSON.stringify(proof.user)}`);
  // OAUTHBEARER may leave the name to the token.
  if (proof.kind === 'bearer' && (proof.user ?? user) === user) return proof.token.reveal() === token;
  return proof.kind === 'password' && proof.user === user && proof.password.reveal() === password;
}

/** Read again, by other means. */
function isProper(proof: Proof, said: readonly string[]): boolean {
  const last = said.at(-1) ?? '';
  if (proof.kind === 'password')
    return (
      (said.length === 1 && [`\0${user}\0${password}`, `${user}\0${user}\0${password}`].includes(last)) ||
      (said.length === 2 && said[0] === user && last === password)
    );
  const [head = '', ...rest] = last.split('\x01');
  const fields = proof.mechanism === 'XOAUTH2' ? [head, ...rest] : rest;
  const auth = fields.filter((field) => field.startsWith('auth=')).at(-1) ?? '';
  const names = fields.filter((field) => field.startsWith('user=')).at(-1) ?? '';
  const isNamed =
    proof.mechanism === 'XOAUTH2' ? names === `user=${user}` : /^[ny],(a=u@fuzz\.test)?,$/.test(head);
  return isNamed && /^auth=bearer +right-token-of-u$/i.test(auth) && fields.slice(-2).join('') === '';
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('latin1');
}
