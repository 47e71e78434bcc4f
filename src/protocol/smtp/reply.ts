/**
 * Replies: octets to `Reply` and back (RFC 5321, 4.2.1). Lines are kept as latin1 strings, so every octet of
 * an upstream's text reaches the client as it came; only control characters, which have no place in a reply,
 * become question marks. A reply that breaks the grammar is an AppError `upstream-protocol`.
 */
import { AppError } from '../../core/errors.js';
import { enhancedCode } from './codes.js';
import { type LineFault, LineReader, withoutLineEnd } from './lines.js';

export interface Reply {
  /** 200 to 599. */
  readonly code: number;
  /** The text of each line after the code; at least one, possibly empty. Latin1. */
  readonly lines: readonly string[];
  /** What it is on the wire, where it passes on as it came and need not be put together again. */
  readonly wire?: string;
  /** Ours, and not a server's word. */
  readonly isOwn?: true;
}

/** RFC 5321, 4.5.3.1.5 says 512 octets; real servers write longer ones, and Postfix reads 2,048. */
const longestLineOctets = 2048;
const mostLines = 100;

const faults: Readonly<Record<LineFault['fault'], string>> = {
  'too-long': `a reply line of more than ${longestLineOctets} octets`,
  'bare-newline': 'a bare CR or LF in a reply',
};

/** A reply as it came, in one line. Its text is rarely asked for. */
class OneLine implements Reply {
  readonly code: number;
  readonly wire: string;

  constructor(code: number, wire: string) {
    this.code = code;
    this.wire = wire;
  }

  get lines(): readonly string[] {
    return [this.wire.slice(4, -2)];
  }
}

export function makeReply(code: number, detail: string, text: string): Reply {
  return { code, lines: [`${enhancedCode(code, detail)} ${text}`], isOwn: true };
}

export function formatReply(reply: Reply): string {
  if (reply.wire !== undefined) return reply.wire;
  const last = reply.lines.length - 1;
  if (last === 0) return `${reply.code} ${reply.lines[0]}\r\n`;
  return reply.lines.map((line, index) => `${reply.code}${index === last ? ' ' : '-'}${line}\r\n`).join('');
}

/** For logs: one line, as the peer said it. */
export function replyText(reply: Reply): string {
  return (reply.wire ?? `${reply.code} ${reply.lines.join(' ')}`).trimEnd();
}

export function isPositive(reply: Reply): boolean {
  return reply.code < 400;
}

/** Collects an upstream's octets and hands out whole replies, however they were cut on the way. */
export class ReplyReader {
  readonly #lines = new LineReader(longestLineOctets);
  #code = 0;
  #texts: string[] = [];
  /** What has not been handed out holds no control character: asked of all of it at once, which costs less. */
  #isPrintable = true;

  push(chunk: Buffer): void {
    this.#isPrintable = !unprintable.test(this.#lines.push(chunk));
  }

  /** Octets received after the last whole line. */
  get pendingOctets(): number {
    return this.#lines.pendingOctets;
  }

  /** A reply has begun, and its end is still to come. */
  get isMidReply(): boolean {
    return this.#texts.length > 0 || this.pendingOctets > 0;
  }

  /** The next whole reply, or undefined when more octets are needed. */
  next(): Reply | undefined {
    for (;;) {
      const line = this.#lines.next();
      if (line === undefined) return undefined;
      if (typeof line !== 'string') throw broken(faults[line.fault]);
      const reply = this.#take(line);
      if (reply !== undefined) return reply;
    }
  }

  /** The whole reply, when `line` was its last one. */
  #take(wire: string): Reply | undefined {
    const code = codeOf(wire);
    const separator = wire.charAt(3);
    if (code === undefined || !(separator === ' ' || separator === '-' || separator === '\r')) {
      throw broken(`a line that is no reply: "${printable(withoutLineEnd(wire)).slice(0, 80)}"`);
    }
    const before = this.#texts;
    // Nearly all replies are such a line.
    if (separator === ' ' && before.length === 0 && (this.#isPrintable || !unprintable.test(wire)))
      return new OneLine(code, wire);
    const words = printable(wire.slice(4, -2));
    if (separator === ' ' && before.length === 0) return { code, lines: [words] };
    if (before.length > 0 && code !== this.#code) throw broken('a reply whose lines have different codes');
    if (before.length === mostLines) throw broken(`a reply of more than ${mostLines} lines`);
    this.#code = code;
    before.push(words);
    if (separator === '-') return undefined;
    this.#texts = [];
    return { code, lines: before };
  }
}

/** 200 to 599, or undefined. By hand, since each message has several replies and a regular expression costs more. */
function codeOf(line: string): number | undefined {
  const [first, second, third] = [digitAt(line, 0), digitAt(line, 1), digitAt(line, 2)];
  const inRange = first >= 2 && first <= 5 && second >= 0 && second <= 9 && third >= 0 && third <= 9;
  return inRange ? first * 100 + second * 10 + third : undefined;
}

/** NaN, which is in no range, beyond the end. */
function digitAt(line: string, index: number): number {
  return line.charCodeAt(index) - 0x30;
}

function broken(what: string): AppError {
  return new AppError('upstream-protocol', `the upstream server sent ${what}`);
}

const controlCharacter = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const controlCharacters = new RegExp(controlCharacter, 'g');
/** The same, but for those that a line ends with; the reader takes no others of them. */
const unprintable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** Without control characters (tab excepted), so that no reply or log line can be forged. */
export function printable(text: string): string {
  return controlCharacter.test(text) ? text.replace(controlCharacters, '?') : text;
}
