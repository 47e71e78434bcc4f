// @ts-check
/**
 * The demo's page: numbered steps, indented text, marks, a dialogue in two columns, laid out for 80 columns. Colour
 * and the countdown are for terminals only, so that what is piped or kept is plain text.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const width = 80;
const margin = '   ';
/** Where the upstream's side of a dialogue begins. */
const secondColumn = 34;
const pollMs = 100;
/** More than anything takes that is waited for by looking again and again. */
const patienceMs = 20_000;

/** @typedef {'bold' | 'dim' | 'green' | 'cyan'} Style */
/** @type {Readonly<Record<Style, number>>} */
const codes = { bold: 1, dim: 2, green: 32, cyan: 36 };

export class Story {
  #steps = 0;
  #out;
  #signal;
  #colour;

  /**
   * @param {import('node:tty').WriteStream} out
   * @param {NodeJS.ProcessEnv} env
   * @param {AbortSignal} signal Ends the story before its next step, or while it waits.
   */
  constructor(out, env, signal) {
    this.#out = out;
    this.#signal = signal;
    this.#colour = out.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  }

  /** @param {string} text */
  title(text) {
    this.#line(this.#paint('bold', text));
  }

  /** @param {string} text */
  step(text) {
    this.#signal.throwIfAborted();
    this.#steps += 1;
    this.#line();
    this.#line(this.#paint('bold', `${this.#steps}. ${text}`));
  }

  /** @param {string} [text] May have several lines. */
  say(text = '') {
    for (const line of text.split('\n')) this.#line(line === '' ? '' : margin + line);
  }

  /** @param {string} text What is typed at a shell. */
  command(text) {
    this.say(`${this.#paint('dim', '$')} ${this.#paint('cyan', text)}`);
  }

  /** @param {string} text Something that was checked and is so. */
  ok(text) {
    this.say(`${this.#paint('green', '✓')} ${text}`);
  }

  /** @param {string[][]} rows Cells of equal width, the last one as long as it is. */
  table(rows) {
    const widths =
      rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
    for (const row of rows)
      this.say(
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
      );
  }

  /** @param {import('./dialogue.js').Utterance[]} dialogue */
  dialogue(dialogue) {
    this.say(
      this.#paint('dim', 'your program > mailbearer'.padEnd(secondColumn) + 'mailbearer > submission server'),
    );
    for (const { side, speaker, text } of dialogue) {
      const indent = ' '.repeat(side === 'client' ? 0 : secondColumn);
      const [first = '', ...rest] = wrap(text, width - margin.length - indent.length - 2);
      const mark = this.#paint('dim', speaker === 'C' ? '>' : '<');
      this.say(`${indent}${mark} ${first}`);
      for (const line of rest) this.say(`${indent}  ${line}`);
    }
  }

  /**
   * Asks `probe` again and again until it gives something. Meanwhile a terminal shows the seconds that are left.
   *
   * @template T
   * @param {{ waitingFor: string, expectedAt: number }} what `expectedAt` in milliseconds since the epoch.
   * @param {() => Promise<T | undefined>} probe
   * @returns {Promise<T>}
   */
  async countdown({ waitingFor, expectedAt }, probe) {
    const limit = Date.now() + patienceMs;
    try {
      for (;;) {
        const found = await probe();
        if (found !== undefined) return found;
        if (Date.now() > limit) throw new Error(`waited ${patienceMs / 1000} s in vain for ${waitingFor}`);
        const seconds = Math.max(0, Math.ceil((expectedAt - Date.now()) / 1000));
        this.#transient(`waiting for ${waitingFor}: ${seconds} s`);
        await sleep(pollMs, undefined, { signal: this.#signal });
      }
    } finally {
      this.#transient('');
    }
  }

  /** @param {string} text A line that the next one overwrites. */
  #transient(text) {
    if (this.#out.isTTY) this.#out.write(text === '' ? '\r\x1b[K' : `\r${margin}${text}\x1b[K`);
  }

  #line(text = '') {
    this.#out.write(`${text}\n`);
  }

  /** @param {Style} style @param {string} text */
  #paint(style, text) {
    return this.#colour ? `\x1b[${codes[style]}m${text}\x1b[0m` : text;
  }
}

/**
 * Lines of at most `columns` characters, cut between words; a longer word is left whole.
 *
 * @param {string} text
 * @param {number} columns
 */
function wrap(text, columns) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines.push(`${lines.pop()} ${word}`);
    else lines.push(word);
  }
  return lines;
}
