import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { netstring, NetstringReader } from '../../src/protocol/netstring.js';

/** What a reader makes of `input`, cut into pieces of these sizes, the rest at the end. */
function read(input: Buffer, sizes: readonly number[] = [], most = 1000): readonly string[] {
  const reader = new NetstringReader(most);
  const said: string[] = [];
  let at = 0;
  for (const size of [...sizes, input.length]) {
    for (const event of reader.receive(input.subarray(at, at + size)))
      said.push(event.kind === 'string' ? event.octets.toString('latin1') : `fault: ${event.problem}`);
    at += size;
  }
  return said;
}

describe('netstrings', () => {
  it('are read the same however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 })),
        fc.array(fc.integer({ min: 1, max: 9 })),
        (strings, sizes) => {
          const input = Buffer.concat(strings.map((each) => netstring(Buffer.from(each))));
          expect(read(input, sizes)).toEqual(strings.map((each) => Buffer.from(each).toString('latin1')));
        },
      ),
    );
  });

  it.each([
    ['x', 'expected a length and a colon'],
    [':', 'expected a length and a colon'],
    ['-1:', 'expected a length and a colon'],
    ['007:', 'a length begins with 0'],
    ['3:abcd', 'no comma at the end'],
    ['1001:', 'longer than 1000 octets'],
    ['99999999999999999999999999999999999:', 'longer than 1000 octets'],
  ])('end at %s, and what follows is not read', (input, problem) => {
    for (const sizes of [[], Array<number>(input.length).fill(1)])
      expect(read(Buffer.from(`1:a,${input}1:b,`), sizes)).toEqual(['a', `fault: ${problem}`]);
  });

  it('may be as long as is allowed, and empty', () => {
    expect(read(Buffer.from(`0:,1000:${'a'.repeat(1000)},`))).toEqual(['', 'a'.repeat(1000)]);
  });
});
