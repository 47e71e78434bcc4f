/**
 * Lines from standard input, visible or hidden, from a terminal or a pipe. Between two lines nothing is read,
 * so that the process can end and that what was typed ahead answers the next question. A visible line on a
 * terminal is the kernel's own (4095 octets, its editing keys); a hidden one is read in raw mode.
 */
import { AppError } from '../core/errors.js';
import { typeHidden } from './hidden-line.js';

/** The part of `process.stdin` that is used. */
export type InputStream = NodeJS.ReadStream;

/** Far above any URL or secret; what never ends a line must not fill the memory. */
const longestLine = 65_536;

/** What a look at the text received so far yields: a line, the end of input, or the wish for more. */
type Found = { readonly line?: string } | undefined;

export class Input {
  readonly #stream: InputStream;
  #buffer = '';
  #ended = false;

  constructor(stream: InputStream) {
    this.#stream = stream.setEncoding('utf8');
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY;
  }

  /** The next line without its end, undefined at the end of input. Rejects with the signal's reason. */
  line(signal?: AbortSignal): Promise<string | undefined> {
    return this.#read(() => this.#takeLine(), signal);
  }

  /**
   * The same without echo, which ends before `ask` shows the question: an answer may come at once. Ctrl-C is handed to
   * the process as the signal that it would have been.
   */
  async hiddenLine(ask: () => void, signal?: AbortSignal): Promise<string | undefined> {
    if (!this.isTerminal) {
      ask();
      return this.line(signal);
    }
    let text = '';
    const look = (): Found => {
      const typed = typeHidden(text, this.#buffer);
      this.#buffer = '';
      if (typed.kind === 'typing') ({ text } = typed);
      else if (typed.kind === 'interrupted') process.kill(process.pid, 'SIGINT');
      else if (typed.kind === 'ended') return {};
      else {
        this.#buffer = typed.rest;
        return { line: typed.line };
      }
      return undefined;
    };
    this.#stream.setRawMode(true);
    try {
      ask();
      return await this.#read(look, signal);
    } finally {
      this.#stream.setRawMode(false);
    }
  }

  #takeLine(): Found {
    const end = this.#buffer.indexOf('\n');
    if (end >= 0) {
      const line = this.#buffer.slice(0, end).replace(/\r$/, '');
      this.#buffer = this.#buffer.slice(end + 1);
      return { line };
    }
    if (!this.#ended) return undefined;
    const last = this.#buffer;
    this.#buffer = '';
    return last === '' ? {} : { line: last };
  }

  #read(look: () => Found, signal: AbortSignal | undefined): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const stream = this.#stream;
      const settle = (action: () => void) => {
        stream.off('data', take).off('end', end).off('close', end).off('error', fail);
        signal?.removeEventListener('abort', abort);
        stream.pause();
        action();
      };
      const abort = () => settle(() => reject(signal?.reason as Error));
      const fail = (error: Error) => settle(() => reject(error));
      const lookAgain = () => {
        const found = look();
        if (found !== undefined) settle(() => resolve(found.line));
        else if (this.#ended) settle(() => resolve(undefined));
        else if (this.#buffer.length > longestLine) fail(tooLong());
      };
      const take = (chunk: string) => {
        this.#buffer += chunk;
        lookAgain();
      };
      const end = () => {
        this.#ended = true;
        lookAgain();
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener('abort', abort, { once: true });
      stream.on('data', take).once('end', end).once('close', end).once('error', fail);
      lookAgain();
      if (!this.#ended) stream.resume();
    });
  }
}

function tooLong(): AppError {
  return new AppError('usage', `a line on standard input is longer than ${longestLine} characters`, {
    hint: 'answer with one line: a URL, an id or a secret',
  });
}
