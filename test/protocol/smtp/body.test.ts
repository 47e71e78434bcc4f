import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyScanner } from '../../../src/protocol/smtp/body.js';

interface Result {
  out: string;
  rest: string | undefined;
  unsafe: boolean;
}

/** Feeds `chunks` until the end is found; what is not fed any more belongs to the rest. */
function scan(chunks: readonly string[], refuseBareNewlines = false): Result {
  const scanner = new BodyScanner({ refuseBareNewlines });
  let out = '';
  for (const [index, chunk] of chunks.entries()) {
    if (chunk === '') continue;
    const part = scanner.scan(Buffer.from(chunk, 'latin1'));
    const text = Buffer.concat(part.pieces).toString('latin1');
    // What leaves as text is what would leave as octets.
    expect(part.text ?? text).toBe(text);
    out += text;
    if (part.rest === undefined) continue;
    const rest = part.rest.toString('latin1') + chunks.slice(index + 1).join('');
    return { out: scanner.unsafe ? '' : out, rest, unsafe: scanner.unsafe };
  }
  return { out: scanner.unsafe ? '' : out, rest: undefined, unsafe: scanner.unsafe };
}

const crooked = fc
  .array(fc.constantFrom('\r\n', '\r', '\n', '.', '.', '\0', 'a', '\r\n.\r\n'), { maxLength: 30 })
  .map((parts) => parts.join(''));

function cut(text: string, at: readonly number[]): string[] {
  const places = [...new Set(at.map((place) => place % (text.length + 1)))].toSorted((a, b) => a - b);
  return [...places, text.length].map((place, index) =>
    text.slice(index === 0 ? 0 : places[index - 1], place),
  );
}

describe('the end of a message', () => {
  it.each([
    ['an empty message', '.\r\n', '.\r\n', ''],
    ['a message', 'a\r\n.\r\n', 'a\r\n.\r\n', ''],
    ['a message and a pipelined command', 'a\r\n.\r\nQUIT\r\n', 'a\r\n.\r\n', 'QUIT\r\n'],
    ['dot-stuffed lines', '..\r\n..a\r\n.\r\n', '..\r\n..a\r\n.\r\n', ''],
    ['a dot at the end of a line', 'a.\r\n.\r\n', 'a.\r\n.\r\n', ''],
  ])('is found in %s', (_, input, out, rest) => {
    expect(scan([input])).toEqual({ out, rest, unsafe: false });
  });

  it.each(['\n.\n', '\n.\r\n', '\r\n.\n'])('is not %j: the dot is doubled', (mark) => {
    const { out, rest, unsafe } = scan([`a${mark}b\r\n.\r\n`]);
    expect({ out, rest, unsafe }).toEqual({
      out: `a${mark.replace('.', '..')}b\r\n.\r\n`,
      rest: '',
      unsafe: false,
    });
  });

  it.each([
    '\r.\r\n',
    '\r\n.\r\r\n',
    '\r\n.\rb',
    '\n.\rb',
    '\r.\n',
    '\r.\r',
    '\r\n\0.\r\n',
    '\r\n.\0\r\n',
    '\n\0\0.\n',
  ])('is not %j: the message is given up, and skipped to its true end', (mark) => {
    expect(scan([`a${mark}b\r\n.\r\nRSET\r\n`])).toEqual({ out: '', rest: 'RSET\r\n', unsafe: true });
  });

  it.each(['a\rb', 'a\nb', 'a\r.b', 'a\0b', 'a\0.b', '\ra', '\n\n\n'])(
    'leaves %j to the upstream',
    (text) => {
      expect(scan([`${text}\r\n.\r\n`])).toEqual({ out: `${text}\r\n.\r\n`, rest: '', unsafe: false });
    },
  );
});

describe('the body scanner', () => {
  it('finds the same in every way of cutting the octets', () => {
    fc.assert(
      fc.property(crooked, fc.array(fc.nat(), { maxLength: 6 }), fc.boolean(), (text, places, strict) => {
        const message = `${text}\r\n.\r\n`;
        expect(scan([message], strict)).toEqual(scan(message.split(''), strict));
        const input = `${message}QUIT\r\n`;
        const whole = scan([input], strict);
        expect(scan(cut(input, places), strict)).toEqual(whole);
        expect(scan(input.split(''), strict)).toEqual(whole);
      }),
      { numRuns: 3000 },
    );
  });

  it('lets out nothing that a lenient server could take for an end, but the end', () => {
    fc.assert(
      fc.property(crooked, (text) => {
        const { out, unsafe } = scan([`${text}\r\n.\r\n`]);
        if (unsafe) return;
        expect(out.endsWith('.\r\n')).toBe(true);
        // NULs dropped, any run of CR and LF a line end.
        const lenient = out.slice(0, -3).replaceAll('\0', '') + '!';
        expect(lenient).not.toMatch(/(^|[\r\n])\.[\r\n]/);
      }),
      { numRuns: 3000 },
    );
  });

  it('passes lines with CR LF through octet for octet', () => {
    const line = fc.string({ unit: fc.constantFrom('.', 'a', ' ', '\xe4'), maxLength: 10 });
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const stuffed = lines.map((text) => `${text.startsWith('.') ? `.${text}` : text}\r\n`).join('');
        expect(scan([`${stuffed}.\r\n`])).toEqual({ out: `${stuffed}.\r\n`, rest: '', unsafe: false });
      }),
    );
  });

  it('hands a chunk on without copying it', () => {
    const chunk = Buffer.from('a line without dots\r\nand one with.\r\n');
    const { pieces } = new BodyScanner({ refuseBareNewlines: false }).scan(chunk);
    expect(pieces).toHaveLength(1);
    expect(pieces[0]!.buffer).toBe(chunk.buffer);
  });

  it.each(['a\nb\r\n', 'a\rb\r\n', '\n', '\r'])('refuses %j when bare newlines are refused', (text) => {
    expect(scan([`${text}\r\n.\r\n`], true).unsafe).toBe(true);
    expect(scan(['good\r\n.\r\n'], true).unsafe).toBe(false);
  });
});
