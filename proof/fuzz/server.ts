/**
 * What the server machine must hold for every input: the same events however the octets are cut, in a bounded number
 * of steps, with a bounded number of octets kept; no command holds anything that could become a second command
 * upstream; and of no message more than its own comes out.
 */
import { commandLine, formatPathCommand } from '../../src/protocol/smtp/command.js';
import { type ServerEvent, ServerProtocol } from '../../src/protocol/smtp/server.js';
import type { Random } from '../random.js';
import { hasFalseEnd } from './lenient.js';
import { cut } from './mutate.js';

/** A line of the longest length, CR LF included. */
const mostPendingOctets = 2048;
const oneCommand = /^[^\0-\x1f\x7f]+\r\n$/;

/** What is wrong, or undefined. */
export function checkServer(input: string, random: Random): string | undefined {
  const strict = random.chance(0.25);
  try {
    const whole = converse([input], strict);
    const chunks = cut(input, random);
    const inPieces = converse(chunks, strict);
    if (whole.join('\n') !== inPieces.join('\n')) return `it depends on the cuts: ${JSON.stringify(chunks)}`;
    return undefined;
  } catch (error) {
    return error instanceof Broken ? error.message : `it threw ${String(error)}`;
  }
}

class Broken extends Error {}

/** Runs the machine as a session does that refuses a MAIL or a DATA now and then; gives what it saw. */
function converse(chunks: readonly string[], refuseBareNewlines: boolean): string[] {
  const protocol = new ServerProtocol({ refuseBareNewlines });
  const seen: string[] = [];
  const input = chunks.join('');
  const mostSteps = 2 * input.length + chunks.length;
  const mostCommands = input.split('\r\n').length - 1;
  let steps = 0;
  let commands = 0;
  let body = '';
  for (const chunk of chunks) {
    protocol.receive(Buffer.from(chunk, 'latin1'));
    for (let event = protocol.nextEvent(); event !== undefined; event = protocol.nextEvent()) {
      if (++steps > mostSteps) throw new Broken('it makes events of nothing');
      if (event.verb === 'foreign') return [...seen, event.verb];
      if (event.verb !== 'body') {
        seen.push(describe(event));
        if (event.verb !== 'fault' && ++commands > mostCommands)
          throw new Broken('a line was obeyed that did not end in CR LF');
        const refuses = seen.length % 5 === 0;
        if (event.verb === 'DATA') protocol.dataAnswered(!refuses);
        if (event.verb === 'MAIL' && refuses) protocol.transactionOver();
        continue;
      }
      body += Buffer.concat(event.pieces).toString('latin1');
      if (!event.ended) continue;
      if (hasFalseEnd(body, !event.unsafe)) throw new Broken('a false end of data is let out');
      seen.push(event.unsafe ? 'unsafe body' : `body ${body}`);
      body = '';
      protocol.endAnswered();
    }
    if (protocol.pendingOctets > mostPendingOctets)
      throw new Broken(`it keeps ${protocol.pendingOctets} octets`);
  }
  if (hasFalseEnd(body, false)) throw new Broken('a false end of data is let out');
  return seen;
}

function describe(event: Exclude<ServerEvent, { verb: 'body' | 'foreign' }>): string {
  if (event.verb === 'fault') return `fault ${event.reply.code} ${event.outOfOrder ?? ''}`;
  if (event.verb === 'response') throw new Broken('an answer to AUTH, which is not offered');
  if (!('path' in event)) return commandLine(event);
  const line = formatPathCommand(event.verb, event.path, event.parameters);
  if (event.wire !== undefined && event.wire !== line)
    throw new Broken(`${JSON.stringify(event)} would pass on as something else`);
  if (!oneCommand.test(line)) throw new Broken(`a command that is not one: ${JSON.stringify(line)}`);
  return line;
}
