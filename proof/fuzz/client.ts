/**
 * What the reading of replies and the conversations of a client must hold for every input: whole replies within
 * their limits, or the protocol error, the same however the octets are cut; and a conversation that ends, one way
 * or the other, and sends nothing but whole lines.
 */
import { AppError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { type Conversation, requestStartTls, signIn } from '../../src/protocol/smtp/client.js';
import { formatReply, type Reply, ReplyReader } from '../../src/protocol/smtp/reply.js';
import type { Random } from '../random.js';
import { cut } from './mutate.js';

const mostPendingOctets = 2048;
const mostLines = 100;
/** Greeting, EHLO, AUTH in two steps and the answer to a challenge; no conversation is longer. */
const mostSteps = 6;

const controlCharacters = /[\0-\x08\x0a-\x1f\x7f]/;

/** What is wrong with the reading of `input`, or undefined. */
export function checkReplies(input: string, random: Random): string | undefined {
  try {
    const whole = readAll([input]);
    const chunks = cut(input, random);
    const inPieces = readAll(chunks);
    if (JSON.stringify(whole) !== JSON.stringify(inPieces))
      return `it depends on the cuts: ${JSON.stringify(chunks)}`;
    const lines = whole.replies.reduce((sum, reply) => sum + reply.lines.length, 0);
    if (lines > input.split('\r\n').length - 1) return 'a line was believed that did not end in CR LF';
    for (const reply of whole.replies) {
      const { code, lines: said } = reply;
      const written = formatReply({ code, lines: said });
      if (reply.wire !== undefined && reply.wire !== written)
        return `${JSON.stringify(reply)} would pass on as something else`;
      const [again] = readAll([written]).replies;
      if (again?.code !== code || JSON.stringify(again.lines) !== JSON.stringify(said))
        return `${JSON.stringify(reply)} does not survive`;
    }
    return undefined;
  } catch (error) {
    return describe(error);
  }
}

/** What is wrong with a conversation in which the server says `input`, or undefined. */
export function checkLogin(input: string, random: Random): string | undefined {
  const token = new Secret('t'.repeat(random.pick([20, 300, 1500])));
  const conversation: Conversation<unknown> = random.chance(0.3)
    ? requestStartTls('c.test')
    : signIn({
        awaitGreeting: random.chance(0.7),
        clientName: 'c.test',
        mechanism: random.pick([undefined, 'xoauth2', 'oauthbearer']),
        credentials: { user: 'u@fuzz.test', token, host: 'up.test', port: 587 },
      });
  const reader = new ReplyReader();
  reader.push(Buffer.from(input, 'latin1'));
  try {
    let step = conversation.next();
    for (let steps = 1; step.done !== true; steps++) {
      if (steps > mostSteps) return 'it does not end';
      if (step.value.line !== undefined && !/^[\x20-\x7e]*\r\n$/.test(step.value.line))
        return `it sends ${JSON.stringify(step.value.line)}`;
      const reply = reader.next();
      if (reply === undefined) return undefined;
      step = conversation.next(reply);
    }
    return undefined;
  } catch (error) {
    return describe(error);
  }
}

/** Undefined for a failure as it should be. */
function describe(error: unknown): string | undefined {
  if (error instanceof Broken) return error.message;
  if (!(error instanceof AppError) || !error.code.startsWith('upstream-')) return `it threw ${String(error)}`;
  if (controlCharacters.test(error.message))
    return `an error that forges lines: ${JSON.stringify(error.message)}`;
  return undefined;
}

class Broken extends Error {}

function readAll(chunks: readonly string[]): { replies: Reply[]; failure: string | undefined } {
  const reader = new ReplyReader();
  const replies: Reply[] = [];
  try {
    for (const chunk of chunks) {
      reader.push(Buffer.from(chunk, 'latin1'));
      for (let reply = reader.next(); reply !== undefined; reply = reader.next()) {
        checkReply(reply);
        replies.push(reply);
      }
      if (reader.pendingOctets > mostPendingOctets)
        throw new Broken(`it keeps ${reader.pendingOctets} octets`);
    }
    return { replies, failure: undefined };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'upstream-protocol') throw error;
    return { replies, failure: error.message };
  }
}

function checkReply({ code, lines }: Reply): void {
  if (!(code >= 200 && code < 600)) throw new Broken(`a reply with the code ${code}`);
  if (lines.length === 0 || lines.length > mostLines) throw new Broken(`a reply of ${lines.length} lines`);
  for (const line of lines) {
    if (line.length > mostPendingOctets) throw new Broken(`a line of ${line.length} octets`);
    if (controlCharacters.test(line))
      throw new Broken(`a line with control characters: ${JSON.stringify(line)}`);
  }
}
