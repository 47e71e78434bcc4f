/** Octets of a message as RFC 1870 counts them, however it is cut. */
import { describe, expect, it } from 'vitest';
import { BodyScanner } from '../../src/protocol/smtp/body.js';
import { MessageSize, sizeOffered } from '../../src/relay/message-size.js';

const body = '..\r\n...\r\nx.\r\n\r\n..x\n.\n..\r\n\r.x\r\n';
const onWire = `${body}.\r\n`;

/** Whether a message that comes in these chunks, and passes the scanner, is within our limit. */
function fits(limit: number, chunks: readonly string[]): boolean {
  const size = new MessageSize(limit, Infinity);
  const scanner = new BodyScanner({ refuseBareNewlines: false });
  for (const chunk of chunks) {
    const part = scanner.scan(Buffer.from(chunk, 'latin1'));
    const ended = part.rest !== undefined;
    if (size.add({ ...part, ended }) !== undefined) return false;
    if (ended) break;
  }
  return true;
}

describe('the size of a message', () => {
  it('counts no doubled dot and no end mark, cut in two or three anywhere', () => {
    const dottedLines = 3;
    // After a bare LF: such a dot is defused, and is a part of the message then.
    const doubledOnTheWay = 2;
    const size = body.length + doubledOnTheWay - dottedLines;
    for (let first = 0; first <= onWire.length; first++) {
      for (let second = first; second <= onWire.length; second++) {
        const chunks = [onWire.slice(0, first), onWire.slice(first, second), onWire.slice(second)];
        const fitting = [fits(size - 1, chunks), fits(size, chunks)];
        expect([first, second, ...fitting]).toEqual([first, second, false, true]);
      }
    }
  });

  it('is none for a message without a line', () => {
    expect(fits(1, ['.\r\n'])).toBe(true);
  });

  it("is held against the upstream's number only where dots cannot explain it", () => {
    const add = (octets: number) => new MessageSize(Infinity, 3000).add({ pieces: [], octets, ended: false });
    expect(add(4003)).toBeUndefined();
    expect(add(4004)).toMatchObject({ code: 552 });
  });
});

describe('the number that an upstream offers', () => {
  it.each([
    [['35882577'], 35_882_577],
    [['0'], Infinity],
    [[], undefined],
    [['lots'], undefined],
    [['-1'], undefined],
    [['1e3'], undefined],
    [['9'.repeat(400)], undefined],
  ])('SIZE %j is %s', (parameters, expected) => {
    expect(sizeOffered(new Map([['SIZE', parameters]]))).toBe(expected);
    expect(sizeOffered(new Map())).toBeUndefined();
  });
});
