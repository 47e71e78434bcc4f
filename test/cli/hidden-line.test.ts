import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type HiddenLine, typeHidden } from '../../src/cli/hidden-line.js';

/** Feeds one piece after the other, as a terminal does. */
function typePieces(pieces: readonly string[]): HiddenLine {
  let state: HiddenLine = { kind: 'typing', text: '' };
  for (const [at, piece] of pieces.entries()) {
    state = typeHidden(state.text, piece);
    if (state.kind === 'done') return { ...state, rest: state.rest + pieces.slice(at + 1).join('') };
    if (state.kind !== 'typing') return state;
  }
  return state;
}

describe('a line typed without echo', () => {
  test('ends at Enter and leaves what follows to the next question', () => {
    expect(typeHidden('', 'secret\rnext\n')).toEqual({ kind: 'done', line: 'secret', rest: 'next\n' });
  });

  test('loses one character for each backspace, whichever of the two keys the terminal sends', () => {
    expect(typeHidden('', 'ab\x7fc\b\bd\n')).toMatchObject({ kind: 'done', line: 'd' });
    expect(typeHidden('', 'a\u{1f511}\x7f\n')).toMatchObject({ line: 'a' });
    expect(typeHidden('', '\x7f\x7fa\n')).toMatchObject({ line: 'a' });
  });

  test('starts again after Ctrl-U', () => {
    expect(typeHidden('wrong', '\x15right\n')).toMatchObject({ line: 'right' });
  });

  test('is given up by Ctrl-C, and by Ctrl-D only when it is empty', () => {
    expect(typeHidden('half', 'x\x03')).toEqual({ kind: 'interrupted' });
    expect(typeHidden('', '\x04')).toEqual({ kind: 'ended' });
    expect(typeHidden('half', '\x04')).toEqual({ kind: 'typing', text: 'half' });
  });

  test('reads the same whole, cut anywhere, or key by key', () => {
    const keys = fc.array(
      fc.constantFrom('a', 'é', '\u{1f511}', ' ', '\x7f', '\x15', '\x04', '\x1b', '\r', '\n'),
    );
    fc.assert(
      fc.property(keys, fc.nat(), (typed, cut) => {
        const at = cut % (typed.length + 1);
        const whole = typeHidden('', typed.join(''));
        expect(typePieces(typed)).toEqual(whole);
        expect(typePieces([typed.slice(0, at).join(''), typed.slice(at).join('')])).toEqual(whole);
      }),
      { numRuns: 200 },
    );
  });
});
