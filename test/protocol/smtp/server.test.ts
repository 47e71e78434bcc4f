import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Line, withoutLineEnd } from '../../../src/protocol/smtp/lines.js';
import { type ServerEvent, ServerProtocol } from '../../../src/protocol/smtp/server.js';
import { type ServerState, serverTransitions } from '../../../src/protocol/smtp/states.js';

/** Runs the protocol as a server that takes everything; gives what it saw. */
function converse(chunks: readonly string[]): string[] {
  const protocol = new ServerProtocol();
  const seen: string[] = [];
  let body = '';
  for (const chunk of chunks) {
    protocol.receive(Buffer.from(chunk, 'latin1'));
    for (let event = protocol.nextEvent(); event !== undefined; event = protocol.nextEvent()) {
      if (event.verb === 'body') {
        body += Buffer.concat(event.pieces).toString('latin1');
        if (event.ended) {
          seen.push(`body ${body}`);
          body = '';
          protocol.endAnswered();
        }
      } else {
        seen.push(describeEvent(event));
        if (event.verb === 'DATA') protocol.dataAnswered(true);
      }
    }
  }
  return seen;
}

function describeEvent(event: Exclude<ServerEvent, { verb: 'body' }>): string {
  if (event.verb === 'fault') return `${event.reply.code}`;
  return 'path' in event ? `${event.verb} ${event.path}` : event.verb;
}

const message = 'EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n';

const textOf = (line: Line) => (typeof line === 'string' ? withoutLineEnd(line) : line.fault);

describe('the server protocol', () => {
  it('reads a pipelined message and what follows it', () => {
    expect(converse([message])).toEqual(['EHLO', 'MAIL a@b', 'RCPT c@d', 'DATA', 'body hi\r\n.\r\n', 'QUIT']);
  });

  it('reads the same in every way of cutting the octets', () => {
    const whole = converse([message]);
    expect(converse(message.split(''))).toEqual(whole);
    fc.assert(
      fc.property(fc.nat({ max: message.length }), (at) => {
        expect(converse([message.slice(0, at), message.slice(at)])).toEqual(whole);
      }),
    );
  });

  it('stops after DATA and after the end of a message until it is told how that went', () => {
    const protocol = new ServerProtocol();
    protocol.receive(Buffer.from(message));
    const verbs = () => {
      const seen = [];
      for (let event = protocol.nextEvent(); event !== undefined; event = protocol.nextEvent())
        seen.push(event.verb);
      return seen;
    };
    expect(verbs()).toEqual(['EHLO', 'MAIL', 'RCPT', 'DATA']);
    expect(protocol.isWaiting).toBe(true);
    protocol.dataAnswered(true);
    expect(verbs()).toEqual(['body']);
    expect(protocol.isWaiting).toBe(true);
    protocol.endAnswered();
    expect(verbs()).toEqual(['QUIT']);
  });

  it('takes what follows a refused DATA for commands', () => {
    const protocol = new ServerProtocol();
    protocol.receive(Buffer.from('EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nRSET\r\n'));
    while (protocol.nextEvent()?.verb !== 'DATA');
    protocol.dataAnswered(false);
    expect(protocol.nextEvent()?.verb).toBe('RSET');
  });

  it('answers 503 exactly where the transition table has no cell', () => {
    const paths: Record<ServerState, string> = {
      connected: '',
      greeted: 'EHLO c\r\n',
      mail: 'EHLO c\r\nMAIL FROM:<a@b>\r\n',
      recipients: 'EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n',
    };
    const lines = {
      EHLO: 'EHLO c',
      HELO: 'HELO c',
      MAIL: 'MAIL FROM:<a@b>',
      RCPT: 'RCPT TO:<c@d>',
      DATA: 'DATA',
    };
    const others = {
      RSET: 'RSET',
      NOOP: 'NOOP',
      VRFY: 'VRFY x',
      HELP: 'HELP',
      QUIT: 'QUIT',
      STARTTLS: 'STARTTLS',
      AUTH: 'AUTH PLAIN',
    };
    for (const [state, row] of Object.entries(serverTransitions)) {
      for (const [verb, line] of Object.entries({ ...lines, ...others })) {
        const protocol = new ServerProtocol({ offersStartTls: true, offersAuth: true });
        protocol.receive(Buffer.from(`${paths[state as ServerState]}${line}\r\n`));
        let last: ServerEvent | undefined;
        for (let event = protocol.nextEvent(); event !== undefined; event = protocol.nextEvent())
          last = event;
        const allowed = row[verb as keyof typeof row] !== undefined;
        expect([state, verb, last?.verb === 'fault' ? last.reply.code : 'taken']).toEqual([
          state,
          verb,
          allowed ? 'taken' : 503,
        ]);
      }
    }
  });

  it('reads an AUTH exchange as the session says, however it is cut', () => {
    const text = `EHLO c\r\nAUTH LOGIN\r\nMAIL\r\n${'a'.repeat(3000)}\r\nNOOP\r\n`;
    const read = (chunks: readonly string[]) => {
      const protocol = new ServerProtocol({ offersAuth: true });
      const seen: string[] = [];
      for (const chunk of chunks) {
        protocol.receive(Buffer.from(chunk));
        for (let event = protocol.nextEvent(); event !== undefined; event = protocol.nextEvent()) {
          seen.push(event.verb === 'response' ? `response ${textOf(event.line)}` : event.verb);
          // Nothing is read before the session has spoken.
          if (event.verb === 'AUTH' || event.verb === 'response') {
            expect([protocol.isWaiting, protocol.nextEvent()]).toEqual([true, undefined]);
            if (seen.length < 4) protocol.authContinues();
            else protocol.authEnded();
          }
        }
      }
      return seen;
    };
    const whole = read([text]);
    const long = `response ${'a'.repeat(3000)}`;
    expect(whole).toEqual(['EHLO', 'AUTH', 'response MAIL', long, 'NOOP']);
    expect(read(text.split(''))).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        expect(read(at.slice(1).map((end, index) => text.slice(at[index], end)))).toEqual(whole);
      }),
    );
  });

  it('survives anything', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (octets) => {
        const chunks = octets.map((chunk) => Buffer.from(chunk).toString('latin1'));
        expect(converse(chunks)).toBeInstanceOf(Array);
        expect(converse([message.slice(0, 50), ...chunks])[0]).toBe('EHLO');
      }),
    );
  });
});
