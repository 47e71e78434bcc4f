import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Line, LineReader } from '../../../src/protocol/smtp/lines.js';

function read(chunks: readonly string[], longest = 20): Line[] {
  const reader = new LineReader(longest);
  const lines: Line[] = [];
  for (const chunk of chunks) {
    reader.push(Buffer.from(chunk, 'latin1'));
    for (let line = reader.next(); line !== undefined; line = reader.next()) lines.push(line);
  }
  return lines;
}

describe('the line reader', () => {
  it('ends a line at CR LF only', () => {
    expect(read(['EHLO a\r\nNOOP\r\nha'])).toEqual(['EHLO a\r\n', 'NOOP\r\n']);
  });

  it.each(['NOOP\n', 'NO\rOP\r\n', '\n', 'a\r\r\n'])('reports the bare newline in %j', (text) => {
    expect(read([text])).toEqual([{ fault: 'bare-newline' }]);
  });

  it('reports a line that is too long once, and reads on after it', () => {
    expect(read([`${'x'.repeat(50)}\r\nNOOP\r\n`])).toEqual([{ fault: 'too-long' }, 'NOOP\r\n']);
  });

  it('keeps no more than the limit of a line that never ends', () => {
    const reader = new LineReader(20);
    for (let round = 0; round < 1000; round++) {
      reader.push(Buffer.alloc(1000, 'x'));
      while (reader.next() !== undefined);
      expect(reader.pendingOctets).toBeLessThanOrEqual(20);
    }
  });

  it('reads the same lines in every way of cutting the octets', () => {
    const text = fc
      .array(fc.constantFrom('\r\n', '\r', '\n', 'a', 'bcdefgh', '\0'), { maxLength: 30 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.nat(), (input, place) => {
        const at = place % (input.length + 1);
        const whole = read([input]);
        expect(read([input.slice(0, at), input.slice(at)])).toEqual(whole);
        expect(read(input.split(''))).toEqual(whole);
      }),
      { numRuns: 2000 },
    );
  });
});
