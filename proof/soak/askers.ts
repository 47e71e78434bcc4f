/** Programs that ask the socketmap for logins and tokens, as Postfix does: some leave before the answer, or babble. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.js';

export interface AskerOptions {
  /** Of the socket. */
  readonly path: string;
  readonly senders: readonly string[];
  readonly signal: AbortSignal;
}

export class Askers {
  /** With a login and a token. */
  answers = 0;
  readonly #options: AskerOptions;

  constructor(options: AskerOptions) {
    this.#options = options;
  }

  /** One connection after the other, until the signal. */
  async ask(random: Random): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      await this.#connection(random);
      await sleep(random.between(0, 200), undefined, { signal }).catch(() => undefined);
    }
  }

  async #connection(random: Random): Promise<void> {
    const { path, senders } = this.#options;
    const socket = connect(path).setEncoding('latin1');
    const ended = once(socket, 'close').catch(() => undefined);
    let asked = random.between(1, 5);
    const next = () => {
      if (asked-- > 0) socket.write(question(random.pick([...senders, 'nobody@soak.test'])));
      else socket.end();
      if (random.chance(0.1)) socket.destroy();
    };
    socket.on('error', () => undefined);
    socket.on('data', (answer: string) => {
      if (/^\d+:OK /.test(answer)) this.answers++;
      next();
    });
    if (random.chance(0.1)) socket.write('this is no netstring');
    else next();
    await ended;
  }
}

function question(key: string): string {
  const text = `tokens ${key}`;
  return `${text.length}:${text},`;
}
