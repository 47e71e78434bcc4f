/** A client that does nothing but sign in, one proof after the other, and gives the last reply to each. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export const mechanisms = ['PLAIN', 'LOGIN', 'XOAUTH2', 'OAUTHBEARER'] as const;

export interface Guess {
  readonly mechanism: (typeof mechanisms)[number];
  readonly user: string;
  readonly secret: string;
}

export class GuessSession {
  readonly #socket: Socket;
  #received = '';
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => this.#wake?.());
  }

  /** Greeted. @param from one of this machine's addresses */
  static async open(port: number, from: string): Promise<GuessSession> {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from });
    await once(socket, 'connect');
    const session = new GuessSession(socket);
    await session.#reply();
    await session.#line('EHLO guess.test');
    return session;
  }

  async say({ mechanism, secret, user }: Guess): Promise<string> {
    switch (mechanism) {
      case 'PLAIN':
        return this.#line(`AUTH PLAIN ${base64(`\0${user}\0${secret}`)}`);
      case 'LOGIN':
        await this.#line('AUTH LOGIN');
        await this.#line(base64(user));
        return this.#line(base64(secret));
      case 'XOAUTH2':
        return this.#token(`AUTH XOAUTH2 ${base64(`user=${user}\x01auth=Bearer ${secret}\x01\x01`)}`);
      case 'OAUTHBEARER':
        return this.#token(`AUTH OAUTHBEARER ${base64(`n,a=${user},\x01auth=Bearer ${secret}\x01\x01`)}`);
    }
  }

  end(): void {
    this.#socket.destroy();
  }

  /** The challenge that explains a refusal wants an answer. */
  async #token(command: string): Promise<string> {
    const reply = await this.#line(command);
    return reply.startsWith('334') ? this.#line('AQ==') : reply;
  }

  #line(text: string): Promise<string> {
    this.#socket.write(`${text}\r\n`);
    return this.#reply();
  }

  /** The last line of the next reply; "(closed)" when there is none. */
  async #reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-[^\n]*\n)*(\d{3}(?: [^\n]*)?)\r\n/.exec(this.#received);
      if (match !== null) {
        this.#received = this.#received.slice(match[0].length);
        return match[1]!;
      }
      if (this.#socket.destroyed) return '(closed)';
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
