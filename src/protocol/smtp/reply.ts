/**
 * Replies: octets to `Reply` and back (RFC 5321, 4.2.1). Lines are kept as latin1 strings, so every octet of
 * an upstream's text reaches the client as it came; only control characters, which have no place in a reply,
 * become question marks. A reply that breaks the grammar is an AppError `upstream-protocol`.
 */
import { AppError } from '../../core/errors.js';
import { enhancedCode } from './codes.js';
import { type Line, LineReader } from './lines.js';

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

  push(chunk: Buffer): void {
    this.#lines.push(chunk);
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
      if (line.kind === 'too-long') throw broken(`a reply line of more than ${longestLineOctets} octets`);
      if (line.kind === 'bare-newline') throw broken('a bare CR or LF in a reply');
      const reply = this.#take(line);
      if (reply !== undefined) return reply;
    }
  }

  /** The whole reply, when `line` was its last one. */
  #take({ text, wire }: Extract<Line, { kind: 'line' }>): Reply | undefined {
    const code = codeOf(text);
    const separator = text.charAt(3);
    if (code === undefined || !(separator === ' ' || separator === '-' || separator === '')) {
      throw broken(`a line that is no reply: "${printable(text).slice(0, 80)}"`);
    }
    const came = text.slice(4);
    const words = printable(came);
    const before = this.#texts;
    if (before.length === 0 && separator === ' ') {
      // Nearly all replies are such a line.
      return words === came ? { code, lines: [words], wire } : { code, lines: [words] };
    }
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

/** Without control characters (tab excepted), so that no reply or log line can be forged. */
export function printable(text: string): string {
  return controlCharacter.test(text) ? text.replace(controlCharacters, '?') : text;
}
