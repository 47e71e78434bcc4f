/**
 * A line typed without echo, as the keys arrive from a terminal in raw mode, where nobody else handles
 * backspace or Ctrl-C. Pure: text so far and new keys in, what became of them out; the terminal is input.ts's.
 * Control characters that mean nothing here are dropped, so an arrow key leaves its letters, as with any getpass.
 */

export type HiddenLine =
  | { readonly kind: 'typing'; readonly text: string }
  /** `rest` was typed or pasted after the line's end and belongs to the next question. */
  | { readonly kind: 'done'; readonly line: string; readonly rest: string }
  /** Ctrl-C. */
  | { readonly kind: 'interrupted' }
  /** Ctrl-D on an empty line. */
  | { readonly kind: 'ended' };

const ctrlC = '\x03';
const ctrlD = '\x04';
const ctrlU = '\x15';
const backspace = '\b';
const del = '\x7f';

export function typeHidden(text: string, keys: string): HiddenLine {
  // By code point, so that one backspace takes one character.
  const typed = Array.from(text);
  const incoming = Array.from(keys);
  for (const [at, key] of incoming.entries()) {
    switch (key) {
      case '\r':
      case '\n':
        return { kind: 'done', line: typed.join(''), rest: incoming.slice(at + 1).join('') };
      case ctrlC:
        return { kind: 'interrupted' };
      case ctrlD:
        if (typed.length === 0) return { kind: 'ended' };
        break;
      case backspace:
      case del:
        typed.pop();
        break;
      case ctrlU:
        typed.length = 0;
        break;
      default:
        if (key >= ' ') typed.push(key);
    }
  }
  return { kind: 'typing', text: typed.join('') };
}
