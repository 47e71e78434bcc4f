/**
 * A new token file that is whole, but not in its place yet: its text, spaces over all that was set aside, and a mark. It
 * is one write, and the mark tells whether all of it arrived and which text it is to replace. So whoever finds it after
 * a kill or a power cut needs to guess neither.
 */
import { versionOf } from './read-file.js';

export interface Sealed {
  readonly text: string;
  /** The version of the text that it was made from. */
  readonly replaces: string;
}

const pattern = /^([^]*\n) *([\w-]{43}) in place of ([\w-]{43})\n$/;

/** @param octets are filled, or more if need be */
export function seal({ text, replaces }: Sealed, octets: number): Buffer {
  const mark = `${versionOf(text)} in place of ${replaces}\n`;
  const room = octets - Buffer.byteLength(text) - mark.length;
  return Buffer.from(`${text}${' '.repeat(Math.max(0, room))}${mark}`);
}

/** Undefined when it is none, or not whole. */
export function unseal(content: string): Sealed | undefined {
  const [, text = '', version, replaces] = pattern.exec(content) ?? [];
  return replaces !== undefined && version === versionOf(text) ? { text, replaces } : undefined;
}
