import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/core/errors.js';
import { enhancedCode, withClassOf } from '../../../src/protocol/smtp/codes.js';
import { formatReply, makeReply, type Reply, ReplyReader } from '../../../src/protocol/smtp/reply.js';

function read(chunks: readonly string[]): Reply[] {
  const reader = new ReplyReader();
  const replies: Reply[] = [];
  for (const chunk of chunks) {
    reader.push(Buffer.from(chunk, 'latin1'));
    for (let reply = reader.next(); reply !== undefined; reply = reader.next()) {
      const { code, lines, wire } = reply;
      replies.push(wire === undefined ? { code, lines } : { code, lines, wire });
    }
  }
  return replies;
}

describe('the reply reader', () => {
  it('reads single lines, several lines and several replies', () => {
    expect(read(['250-one\r\n250-2.0.0 two\r\n250 three\r\n354 go\r\n250\r\n'])).toEqual([
      { code: 250, lines: ['one', '2.0.0 two', 'three'] },
      { code: 354, lines: ['go'], wire: '354 go\r\n' },
      { code: 250, lines: [''] },
    ]);
  });

  it.each([
    ['no code', 'hello\r\n'],
    ['a code out of range', '150 x\r\n'],
    ['codes that differ', '250-a\r\n251 b\r\n'],
    ['a bare LF', '250 a\n250 b\r\n'],
    ['a bare CR', '250 a\rb\r\n'],
    ['a line without end', `250 ${'x'.repeat(3000)}`],
    ['lines without end', '250-x\r\n'.repeat(101)],
    ['text glued to the code', '250x\r\n'],
  ])('refuses %s', (_, text) => {
    expect(() => read([text])).toThrow(AppError);
  });

  it('defuses control characters', () => {
    const said = '550 a\x00b\x1b[31m\tc\r\n';
    for (let at = 0; at <= said.length; at++) {
      const replies = read([said.slice(0, at), `${said.slice(at)}250 fine\r\n`]);
      expect(replies).toEqual([
        { code: 550, lines: ['a?b?[31m\tc'] },
        { code: 250, lines: ['fine'], wire: '250 fine\r\n' },
      ]);
    }
  });

  it('reads the same replies in every way of cutting the octets, and writes what it read', () => {
    const line = fc.string({ unit: fc.constantFrom('a', ' ', '-', '\xfc', '2.0.0'), maxLength: 8 });
    const reply = fc.record({
      code: fc.constantFrom(250, 354, 450, 550),
      lines: fc.array(line, { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(reply), fc.nat(), (replies, place) => {
        const text = replies.map(formatReply).join('');
        const at = place % (text.length + 1);
        // A reply of one line knows its octets.
        const expected = replies.map((one) =>
          one.lines.length === 1 ? { ...one, wire: formatReply(one) } : one,
        );
        expect(read([text])).toEqual(expected);
        expect(read([text.slice(0, at), text.slice(at)])).toEqual(expected);
        expect(read(text.split(''))).toEqual(expected);
      }),
    );
  });
});

describe('an enhanced status code', () => {
  it('takes its class from the reply code', () => {
    expect(enhancedCode(454, '7.0')).toBe('4.7.0');
    expect(makeReply(550, '6.11', 'x').lines).toEqual(['5.6.11 x']);
    expect(withClassOf(451, '5.3.0 later')).toBe('4.3.0 later');
    expect(withClassOf(451, 'no code')).toBe('no code');
  });
});
