/**
 * Inputs that nobody would write: dialogues with octets flipped, cut out, repeated, spliced with others, and with
 * what parsers trip over put in; and ways to cut them into chunks. All strings are latin1, a character an octet.
 */
import type { Random } from '../random.js';

/** What means something to either side, whole or in part. */
const splinters = [
  ...[
    '\r',
    '\n',
    '\0',
    '.',
    '\r\n',
    '\n\n',
    '\r\n.\r\n',
    '\n.\n',
    '\r\n.\n',
    '\r.\r',
    '\r\n..\r\n',
    '\r\n.\r\r\n',
  ],
  ...[' ', '<', '>', '"', '\\', ':', '@', '=', '\t', '\x7f', '\xa0', '\xff', '\x16\x03\x01'],
  ...[
    'DATA\r\n',
    'RSET\r\n',
    'QUIT\r\n',
    'MAIL FROM:<',
    'RCPT TO:<',
    'EHLO x\r\n',
    'BODY=',
    ' SIZE=1',
    'GET / HTTP/1.1',
  ],
  ...['250 ', '250-', '354 ', '334 ', '421 x\r\n', '535 ', '550 5.1.1 ', '2500', '999 ', '-1 '],
];
/** Beside the limits of 512, 2,048 and more octets. */
const longRuns = [500, 512, 2045, 2046, 2047, 2048, 2049, 5000];

type Mutation = (text: string, random: Random, corpus: readonly string[]) => string;

const mutations: readonly Mutation[] = [
  /** Flip an octet. */
  (text, random) => replace(text, random.below(text.length + 1), 1, String.fromCharCode(random.below(256))),
  /** Flip one bit. */
  (text, random) => {
    const at = random.below(text.length + 1);
    return replace(text, at, 1, String.fromCharCode((text.charCodeAt(at) || 0) ^ (1 << random.below(8))));
  },
  /** Put a splinter in. */
  (text, random) => replace(text, random.below(text.length + 1), 0, random.pick(splinters)),
  /** Put one in where a line ends, where it is most dangerous. */
  (text, random) =>
    replace(
      text,
      Math.max(0, text.indexOf('\n', random.below(text.length + 1))),
      random.below(2),
      random.pick(splinters),
    ),
  /** Cut a piece out. */
  (text, random) => replace(text, random.below(text.length + 1), random.between(1, 20), ''),
  /** Cut the end off. */
  (text, random) => text.slice(0, random.below(text.length + 1)),
  /** Repeat a piece. */
  (text, random) => {
    const at = random.below(text.length + 1);
    const piece = text.slice(at, at + random.between(1, 40));
    return replace(text, at, 0, piece.repeat(random.between(1, 4)));
  },
  /** Repeat a line more often than anybody would listen to. */
  (text, random) => {
    const start = text.lastIndexOf('\n', random.below(text.length + 1)) + 1;
    const line = text.slice(start, start + 40).split('\n')[0];
    return replace(text, start, 0, `${line}\n`.repeat(random.between(50, 150)));
  },
  /** Go on with another dialogue. */
  (text, random, corpus) => {
    const other = random.pick(corpus);
    return text.slice(0, random.below(text.length + 1)) + other.slice(random.below(other.length + 1));
  },
  /** Pipeline another one. */
  (text, random, corpus) => text + random.pick(corpus),
  /** Make a line long. */
  (text, random) =>
    replace(
      text,
      random.below(text.length + 1),
      0,
      random.pick(['x', ' ', '\0']).repeat(random.pick(longRuns)),
    ),
];

export function mutate(corpus: readonly string[], random: Random): string {
  // Some inputs owe nothing to any dialogue.
  if (random.chance(0.05)) return noise(random);
  let text = random.pick(corpus);
  for (let left = random.between(1, 5); left > 0; left--) text = random.pick(mutations)(text, random, corpus);
  return text;
}

function noise(random: Random): string {
  const length = random.between(1, 60);
  const pick = random.chance(0.5)
    ? () => String.fromCharCode(random.below(256))
    : () => random.pick(splinters);
  return Array.from({ length }, pick).join('');
}

function replace(text: string, at: number, length: number, by: string): string {
  return text.slice(0, at) + by + text.slice(at + length);
}

/** Cuts `text` at a few places; now and then, when it is not long, at all of them. */
export function cut(text: string, random: Random): string[] {
  if (text.length < 3000 && random.chance(1 / 16)) return text.split('');
  const places = Array.from({ length: random.between(1, 6) }, () => random.below(text.length + 1));
  const bounds = [0, ...places.toSorted((one, other) => one - other), text.length];
  return bounds
    .slice(1)
    .map((end, index) => text.slice(bounds[index], end))
    .filter((piece) => piece !== '');
}

/** A shorter input that `fails` all the same, as far as leaving pieces out leads there. */
export function shrink(text: string, fails: (text: string) => boolean): string {
  let smallest = text;
  for (let size = Math.ceil(text.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length;) {
      const candidate = replace(smallest, at, size, '');
      if (fails(candidate)) smallest = candidate;
      else at += size;
    }
  }
  return smallest;
}
